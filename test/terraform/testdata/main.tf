# One resource of each kind. changed says which of two states it is in: all
# resources but one are updated in place by it, those named replaced are
# replaced. A queue is not among these: its replacement takes the provider 90 s.
variable "changed" {
  type    = bool
  default = false
}

locals {
  n     = var.changed ? 2 : 1
  team  = { team = var.changed ? "blue" : "red" }
  state = var.changed ? "DISABLED" : "ENABLED"
}

resource "aws_batch_compute_environment" "ec2" {
  compute_environment_name = "ec2"
  type                     = "MANAGED"
  tags                     = local.team

  compute_resources {
    type                = "EC2"
    allocation_strategy = "BEST_FIT_PROGRESSIVE"
    instance_role       = "arn:aws:iam::123456789012:instance-profile/ecsInstanceRole"
    instance_type       = var.changed ? ["c5", "m5"] : ["optimal"]
    min_vcpus           = 0
    max_vcpus           = 16 * local.n
    security_group_ids  = ["sg-1", "sg-2"]
    subnets             = ["subnet-2", "subnet-1"]
    ec2_key_pair        = var.changed ? "other" : "key"
    placement_group     = "group"
    tags                = { Name = "batch" }

    ec2_configuration {
      image_type = "ECS_AL2023"
    }

    launch_template {
      launch_template_id = "lt-1"
      version            = "$Latest"
    }
  }

  update_policy {
    job_execution_timeout_minutes = 30 * local.n
    terminate_jobs_on_update      = false
  }
}

resource "aws_batch_compute_environment" "spot" {
  compute_environment_name = "spot"
  type                     = "MANAGED"
  state                    = local.state

  compute_resources {
    type                = "SPOT"
    allocation_strategy = "SPOT_PRICE_CAPACITY_OPTIMIZED"
    bid_percentage      = 60
    instance_role       = "arn:aws:iam::123456789012:instance-profile/ecsInstanceRole"
    instance_type       = ["m5.large", "c5.large"]
    min_vcpus           = 0
    desired_vcpus       = 0
    max_vcpus           = 8 * local.n
    security_group_ids  = ["sg-1"]
    subnets             = ["subnet-1"]
    spot_iam_fleet_role = "arn:aws:iam::123456789012:role/fleet"
  }
}

resource "aws_batch_compute_environment" "own_role" {
  compute_environment_name = "own-role"
  type                     = "MANAGED"
  service_role             = "arn:aws:iam::123456789012:role/service-role/batch"

  compute_resources {
    type               = "EC2"
    instance_role      = "arn:aws:iam::123456789012:instance-profile/ecsInstanceRole"
    instance_type      = ["m6g.large"]
    min_vcpus          = 0
    max_vcpus          = 4 * local.n
    security_group_ids = ["sg-1"]
    subnets            = ["subnet-1"]
  }
}

resource "aws_batch_compute_environment" "fargate" {
  compute_environment_name = "fargate"
  type                     = "MANAGED"

  compute_resources {
    type               = "FARGATE"
    max_vcpus          = 4 * local.n
    security_group_ids = ["sg-${local.n}"]
    subnets            = ["subnet-1"]
  }
}

resource "aws_batch_compute_environment" "replaced" {
  compute_environment_name = "fargate-spot-${local.n}"
  type                     = "MANAGED"

  compute_resources {
    type               = "FARGATE_SPOT"
    max_vcpus          = 4
    security_group_ids = ["sg-1"]
    subnets            = ["subnet-1"]
  }
}

resource "aws_batch_compute_environment" "unmanaged" {
  compute_environment_name = "unmanaged"
  type                     = "UNMANAGED"
  service_role             = "arn:aws:iam::123456789012:role/service-role/batch"
  state                    = local.state
}

resource "aws_batch_compute_environment" "eks" {
  compute_environment_name = "eks"
  type                     = "MANAGED"

  eks_configuration {
    eks_cluster_arn      = "arn:aws:eks:us-east-1:123456789012:cluster/c"
    kubernetes_namespace = "jobs"
  }

  compute_resources {
    type                = "EC2"
    allocation_strategy = "BEST_FIT_PROGRESSIVE"
    instance_role       = "arn:aws:iam::123456789012:instance-profile/eksInstanceRole"
    instance_type       = ["m5"]
    min_vcpus           = 0
    max_vcpus           = 4 * local.n
    security_group_ids  = ["sg-1"]
    subnets             = ["subnet-1"]
  }
}

resource "aws_batch_scheduling_policy" "fair" {
  name = "fair"
  tags = local.team

  fair_share_policy {
    compute_reservation = local.n
    share_decay_seconds = 3600

    share_distribution {
      share_identifier = "A1*"
      weight_factor    = 0.1 * local.n
    }

    share_distribution {
      share_identifier = "A2"
      weight_factor    = 0.2
    }
  }
}

resource "aws_batch_scheduling_policy" "bare" {
  name = "bare"
}

resource "aws_batch_job_queue" "ec2" {
  name     = "ec2"
  state    = "ENABLED"
  priority = local.n
  tags     = local.team

  dynamic "compute_environment_order" {
    for_each = var.changed ? [aws_batch_compute_environment.spot.arn, aws_batch_compute_environment.ec2.arn] : [aws_batch_compute_environment.ec2.arn]
    content {
      order               = compute_environment_order.key
      compute_environment = compute_environment_order.value
    }
  }

  job_state_time_limit_action {
    action           = "CANCEL"
    max_time_seconds = 600 * local.n
    reason           = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"
    state            = "RUNNABLE"
  }
}

resource "aws_batch_job_queue" "fair" {
  name                  = "fair"
  state                 = local.state
  priority              = 1
  scheduling_policy_arn = var.changed ? aws_batch_scheduling_policy.bare.arn : aws_batch_scheduling_policy.fair.arn

  compute_environment_order {
    order               = 1
    compute_environment = aws_batch_compute_environment.fargate.arn
  }
}
