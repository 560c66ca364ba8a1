# What the three programs share. They are in Terraform's state: keep it encrypted, and to few.
# To rotate one: terraform apply -replace=random_password.edge, after the old value was put into
# the variable that ends in _PREVIOUS on both sides.

resource "random_password" "edge" {
  length  = 48
  special = false
}

resource "random_password" "token" {
  length  = 48
  special = false
}

resource "random_password" "bridge" {
  length  = 48
  special = false
}
