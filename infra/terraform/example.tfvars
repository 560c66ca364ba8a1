# Copy to terraform.tfvars and change every line.
account_id          = "0123456789abcdef0123456789abcdef"
zone                = "example.com"
hostname            = "forge.example.com"
coordinator_address = "192.0.2.10"
blobs               = "r2"
