terraform {
  required_version = ">= 1.6"
  required_providers {
    cloudflare = {
      source  = "cloudflare/cloudflare"
      version = "~> 5.19"
    }
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
    random = {
      source  = "hashicorp/random"
      version = "~> 3.6"
    }
  }
}

# CLOUDFLARE_API_TOKEN: Zone DNS Edit, Workers Scripts Edit, Workers R2 Storage Edit.
provider "cloudflare" {}

# Asked for nothing where packs are kept in R2.
provider "aws" {
  region                      = var.s3_region
  skip_credentials_validation = var.blobs != "s3"
  skip_requesting_account_id  = var.blobs != "s3"
  skip_metadata_api_check     = var.blobs != "s3"
}
