variable "account_id" {
  description = "The Cloudflare account that the worker and, with blobs = \"r2\", the bucket belong to."
  type        = string
}

variable "zone" {
  description = "The zone, a domain whose name servers are Cloudflare's: example.com."
  type        = string
}

variable "hostname" {
  description = "Where people find the forge: forge.example.com, in the zone. The worker answers there."
  type        = string
}

variable "coordinator_address" {
  description = "The public IPv4 address of the host that runs `plue serve` behind TLS."
  type        = string
}

variable "bridge_address" {
  description = "The public IPv4 address of the host that answers SSH; the coordinator's own where it is null."
  type        = string
  default     = null
}

variable "blobs" {
  description = "Where packs are kept: \"r2\" or \"s3\"."
  type        = string
  default     = "r2"
  validation {
    condition     = contains(["r2", "s3"], var.blobs)
    error_message = "Packs are kept in \"r2\" or in \"s3\"."
  }
}

variable "bucket" {
  description = "The name of the bucket of packs."
  type        = string
  default     = "plue-packs"
}

variable "r2_location" {
  description = "Near which region R2 keeps the bucket: weur, eeur, apac, wnam, enam or oc. Near the coordinator is right."
  type        = string
  default     = "weur"
}

variable "s3_region" {
  description = "The region of the S3 bucket. Near the coordinator is right."
  type        = string
  default     = "eu-central-1"
}
