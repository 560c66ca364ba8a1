# The bucket of packs. Packs never change and are deleted by the coordinator alone, so there are
# no versions; uploads that were broken off are swept by the store.

resource "cloudflare_r2_bucket" "packs" {
  count      = var.blobs == "r2" ? 1 : 0
  account_id = var.account_id
  name       = var.bucket
  location   = var.r2_location
}

resource "cloudflare_r2_bucket_lifecycle" "packs" {
  count       = var.blobs == "r2" ? 1 : 0
  account_id  = var.account_id
  bucket_name = cloudflare_r2_bucket.packs[0].name
  rules = [{
    id         = "unfinished-uploads"
    enabled    = true
    conditions = { prefix = "" }
    abort_multipart_uploads_transition = {
      condition = { type = "Age", max_age = 7 * 24 * 60 * 60 }
    }
  }]
}

resource "aws_s3_bucket" "packs" {
  count  = var.blobs == "s3" ? 1 : 0
  bucket = var.bucket
}

resource "aws_s3_bucket_public_access_block" "packs" {
  count                   = var.blobs == "s3" ? 1 : 0
  bucket                  = aws_s3_bucket.packs[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "packs" {
  count  = var.blobs == "s3" ? 1 : 0
  bucket = aws_s3_bucket.packs[0].id
  rule {
    id     = "unfinished-uploads"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

# What the coordinator may do, and nothing else.
resource "aws_iam_user" "coordinator" {
  count = var.blobs == "s3" ? 1 : 0
  name  = "${local.worker}-coordinator"
}

resource "aws_iam_user_policy" "coordinator" {
  count = var.blobs == "s3" ? 1 : 0
  name  = "packs"
  user  = aws_iam_user.coordinator[0].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
        Resource = "${aws_s3_bucket.packs[0].arn}/*"
      },
      {
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = aws_s3_bucket.packs[0].arn
      },
    ]
  })
}

resource "aws_iam_access_key" "coordinator" {
  count = var.blobs == "s3" ? 1 : 0
  user  = aws_iam_user.coordinator[0].name
}
