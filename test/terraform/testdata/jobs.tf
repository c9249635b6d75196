# A job definition of each kind. A change is a new revision.
resource "aws_batch_job_definition" "ec2" {
  name = "ec2"
  type = "container"
  tags = local.team

  parameters = {
    input = "default-${local.n}"
  }

  container_properties = jsonencode({
    image      = "busybox"
    command    = ["echo", "Ref::input"]
    jobRoleArn = "arn:aws:iam::123456789012:role/job"
    resourceRequirements = [
      { type = "VCPU", value = "1" },
      { type = "MEMORY", value = "512" },
    ]
    environment = [{ name = "NAME", value = "value" }]
    volumes     = [{ name = "tmp", host = { sourcePath = "/tmp" } }]
    mountPoints = [{ sourceVolume = "tmp", containerPath = "/tmp", readOnly = false }]
    ulimits     = [{ name = "nofile", softLimit = 1024, hardLimit = 1024 }]
  })

  retry_strategy {
    attempts = 2

    evaluate_on_exit {
      action           = "RETRY"
      on_status_reason = "Host EC2*"
    }

    evaluate_on_exit {
      action    = "exit"
      on_reason = "*"
    }
  }

  timeout {
    attempt_duration_seconds = 60 * local.n
  }
}

resource "aws_batch_job_definition" "replaced" {
  name                       = "legacy-${local.n}"
  type                       = "container"
  propagate_tags             = true
  scheduling_priority        = local.n
  deregister_on_new_revision = false

  container_properties = jsonencode({
    image  = "busybox"
    vcpus  = 1
    memory = 128
  })
}

resource "aws_batch_job_definition" "fargate" {
  name                  = "fargate"
  type                  = "container"
  platform_capabilities = ["FARGATE"]

  container_properties = jsonencode({
    image            = "busybox"
    command          = ["true"]
    executionRoleArn = "arn:aws:iam::123456789012:role/execution"
    resourceRequirements = [
      { type = "VCPU", value = "0.25" },
      { type = "MEMORY", value = var.changed ? "1024" : "512" },
    ]
    networkConfiguration         = { assignPublicIp = "ENABLED" }
    fargatePlatformConfiguration = { platformVersion = "LATEST" }
    ephemeralStorage             = { sizeInGiB = 30 }
    runtimePlatform              = { cpuArchitecture = "X86_64", operatingSystemFamily = "LINUX" }
    logConfiguration = {
      logDriver = "awslogs"
      options   = { "awslogs-group" = "/jobs" }
    }
  })
}

resource "aws_batch_job_definition" "multinode" {
  name = "multinode"
  type = "multinode"

  node_properties = jsonencode({
    mainNode = 0
    numNodes = 2 * local.n
    nodeRangeProperties = [
      {
        targetNodes = "0:"
        container = {
          image   = "busybox"
          command = ["ls", "-la"]
          resourceRequirements = [
            { type = "VCPU", value = "1" },
            { type = "MEMORY", value = "512" },
          ]
        }
      },
    ]
  })
}

resource "aws_batch_job_definition" "eks" {
  name = "eks"
  type = "container"

  eks_properties {
    pod_properties {
      host_network = true

      containers {
        name    = "main"
        image   = "busybox"
        command = ["sleep", "run ${local.n}"]

        env {
          name  = "NAME"
          value = "value"
        }

        resources {
          limits = {
            cpu    = "1"
            memory = "1024Mi"
          }
        }
      }

      metadata {
        labels = {
          environment = "test"
        }
      }
    }
  }
}

resource "aws_batch_job_definition" "ecs" {
  name = "ecs"
  type = "container"

  ecs_properties = jsonencode({
    taskProperties = [{
      containers = [
        {
          name      = "first"
          image     = "busybox"
          command   = ["echo", "run ${local.n}"]
          essential = false
          resourceRequirements = [
            { type = "VCPU", value = "1" },
            { type = "MEMORY", value = "512" },
          ]
        },
        {
          name      = "second"
          image     = "busybox"
          dependsOn = [{ containerName = "first", condition = "COMPLETE" }]
          resourceRequirements = [
            { type = "VCPU", value = "1" },
            { type = "MEMORY", value = "512" },
          ]
        },
      ]
    }]
  })
}
