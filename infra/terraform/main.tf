# What stands around the worker: names, the worker's place, and who answers where. Its code,
# bindings, variables and migrations are wrangler.toml's, and `npx wrangler deploy` puts them there.

locals {
  # As in wrangler.toml; a test compares them.
  worker = "plue"

  git_hostname = "git.${var.hostname}"
  ssh_hostname = "ssh.${var.hostname}"
}

data "cloudflare_zone" "forge" {
  filter = {
    name    = var.zone
    account = { id = var.account_id }
  }
}

resource "cloudflare_worker" "edge" {
  account_id    = var.account_id
  name          = local.worker
  observability = { enabled = true }
  # Only the forge's own name leads to it.
  subdomain = { enabled = false, previews_enabled = false }
}

# The name of the forge; Cloudflare makes its record and its certificate.
resource "cloudflare_workers_custom_domain" "forge" {
  account_id = var.account_id
  zone_id    = data.cloudflare_zone.forge.id
  hostname   = var.hostname
  service    = cloudflare_worker.edge.name
}

# Straight to the coordinator: the worker asks here, and so do pushes over HTTP that are larger
# than a proxied zone takes. It must not be proxied.
resource "cloudflare_dns_record" "git" {
  zone_id = data.cloudflare_zone.forge.id
  name    = local.git_hostname
  type    = "A"
  content = var.coordinator_address
  ttl     = 300
  proxied = false
  comment = "plue serve: the worker's origin, and git over HTTP without a limit on bodies"
}

resource "cloudflare_dns_record" "ssh" {
  zone_id = data.cloudflare_zone.forge.id
  name    = local.ssh_hostname
  type    = "A"
  content = coalesce(var.bridge_address, var.coordinator_address)
  ttl     = 300
  proxied = false
  comment = "git over SSH"
}
