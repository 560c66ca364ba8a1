output "worker_secrets" {
  description = "For the worker: terraform output -json worker_secrets | npx wrangler secret bulk"
  sensitive   = true
  value = {
    EDGE_SECRET = random_password.edge.result
    JWT_SECRET  = random_password.token.result
  }
}

output "worker_variables" {
  description = "For the worker: npx wrangler deploy with one --var NAME:VALUE for each."
  value = {
    ORIGIN_URL     = "https://${local.git_hostname}"
    PUBLIC_ORIGINS = "https://${var.hostname},https://${local.git_hostname}"
  }
}

output "coordinator_environment" {
  description = "For the environment file of `plue serve`. With R2, add S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY of an R2 API token that may read and write objects of this bucket."
  sensitive   = true
  value = merge(
    {
      PLUE_ENV           = "production"
      PLUE_PUBLIC_URL    = "https://${var.hostname}"
      PLUE_PUBLIC_SSH    = local.ssh_hostname
      EDGE_URL           = "https://${var.hostname}"
      EDGE_SECRET        = random_password.edge.result
      JWT_SECRET         = random_password.token.result
      PLUE_BRIDGE_SECRET = random_password.bridge.result
      S3_BUCKET          = var.bucket
    },
    var.blobs == "r2" ? {
      S3_ENDPOINT   = "https://${var.account_id}.r2.cloudflarestorage.com"
      S3_REGION     = "auto"
      S3_PATH_STYLE = "true"
      } : {
      S3_REGION            = var.s3_region
      S3_PATH_STYLE        = "false"
      S3_ACCESS_KEY_ID     = aws_iam_access_key.coordinator[0].id
      S3_SECRET_ACCESS_KEY = aws_iam_access_key.coordinator[0].secret
    },
  )
}

output "bridge_environment" {
  description = "For the environment file of `plue-ssh-bridge` on a host of its own."
  sensitive   = true
  value = {
    COORDINATOR_URL    = "https://${local.git_hostname}"
    PLUE_BRIDGE_SECRET = random_password.bridge.result
  }
}
