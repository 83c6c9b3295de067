variable "subscription_id" {
  description = "The subscription that everything is made in; null takes the one of ARM_SUBSCRIPTION_ID."
  type        = string
  default     = null

  validation {
    condition     = var.subscription_id == null || can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", lower(var.subscription_id)))
    error_message = "subscription_id must be null or a subscription's id, such as the one that `az account show --query id` prints."
  }
}

variable "name" {
  description = "The start of every name, and the name of the resource group."
  type        = string
  default     = "overwatch"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)) && length(var.name) >= 3 && length(var.name) <= 12
    error_message = "name must have 3 to 12 lower case letters, digits and single dashes, a letter first and no dash last: container apps allow 32 in all."
  }
}

variable "regions" {
  description = "The Azure location of each region of the demo, by the name that Overwatch calls the region."
  type        = map(string)
  default = {
    east = "eastus"
    west = "westus3"
  }

  validation {
    condition     = length(var.regions) >= 2 && length(var.regions) <= 5
    error_message = "regions must name 2 to 5 regions: with one there is nowhere to move users."
  }

  validation {
    condition     = alltrue([for region in keys(var.regions) : can(regex("^[a-z][a-z0-9]{0,11}$", region))])
    error_message = "The names in regions must have 1 to 12 lower case letters and digits, a letter first: they become part of other names."
  }

  validation {
    condition     = alltrue([for location in values(var.regions) : can(regex("^[a-z]+[0-9]?$", location))])
    error_message = "The locations in regions must be Azure's short names, such as `eastus`: see `az account list-locations --query [].name`."
  }

  validation {
    condition     = length(distinct(values(var.regions))) == length(var.regions)
    error_message = "regions must be in locations that differ: two in one place fail together."
  }
}

variable "location" {
  description = "Where the resource group, the registry, the logs and the swarm live: none of the regions that the swarm watches."
  type        = string
  default     = "centralus"

  validation {
    condition     = can(regex("^[a-z]+[0-9]?$", var.location))
    error_message = "location must be Azure's short name, such as `centralus`: see `az account list-locations --query [].name`."
  }

  validation {
    condition     = !contains(values(var.regions), var.location)
    error_message = "location must differ from the locations in regions: a swarm that goes down with a region can't move its users."
  }
}

variable "tags" {
  description = "Tags of everything, beside `application` and `managed-by`."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(var.tags) <= 13 && alltrue([for key, value in var.tags : length(key) >= 1 && length(key) <= 128 && length(value) <= 256 && !can(regex("[<>%&\\\\?/]", key))])
    error_message = "tags must be at most 13 with keys of 1 to 128 characters without <>%&\\?/ and values of at most 256."
  }
}

variable "traffic" {
  description = "How users are spread over the regions: `front_door`, or `traffic_manager` (faster to change, but needs a domain)."
  type        = string
  default     = "front_door"

  validation {
    condition     = contains(["front_door", "traffic_manager"], var.traffic)
    error_message = "traffic must be `front_door` or `traffic_manager`."
  }
}

variable "domain" {
  description = "The name that users use, such as `app.example.org`; only for Traffic Manager, which has no certificate of its own."
  type        = string
  default     = null

  validation {
    condition     = (var.domain != null) == (var.traffic == "traffic_manager")
    error_message = "domain must be set exactly when traffic is `traffic_manager`."
  }

  validation {
    condition     = var.domain == null || can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.){2,}[a-z]{2,63}$", var.domain))
    error_message = "domain must be a host name below your domain, such as `app.example.org`: the domain itself can't be a CNAME record."
  }
}

variable "health_probe_interval_s" {
  description = "Seconds between two health probes of Front Door, from each of its more than a hundred places."
  type        = number
  default     = 10

  validation {
    condition     = var.health_probe_interval_s >= 5 && var.health_probe_interval_s <= 120 && floor(var.health_probe_interval_s) == var.health_probe_interval_s
    error_message = "health_probe_interval_s must be a whole number from 5 to 120."
  }
}

variable "dns_ttl_s" {
  description = "How long a resolver may keep Traffic Manager's answer, in seconds."
  type        = number
  default     = 10

  validation {
    condition     = var.dns_ttl_s >= 10 && var.dns_ttl_s <= 30 && floor(var.dns_ttl_s) == var.dns_ttl_s
    error_message = "dns_ttl_s must be a whole number from 10 to 30: users follow a switch no faster than that."
  }
}

variable "demo_image" {
  description = "The demo's image in the registry made here, with its tag or digest. Only the first one: later ones are Overwatch's."
  type        = string
  default     = "mini-app:1"

  validation {
    condition     = can(regex("^[a-z0-9]+([._-][a-z0-9]+)*(/[a-z0-9]+([._-][a-z0-9]+)*)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|@sha256:[0-9a-f]{64})$", var.demo_image)) && !endswith(var.demo_image, ":latest")
    error_message = "demo_image must be REPOSITORY:TAG or REPOSITORY@sha256:DIGEST without a registry, and not `latest`: a rollback needs a name that stays."
  }
}

variable "swarm_image" {
  description = "The swarm's image in the registry made here, with its tag or digest."
  type        = string
  default     = "overwatch:1"

  validation {
    condition     = can(regex("^[a-z0-9]+([._-][a-z0-9]+)*(/[a-z0-9]+([._-][a-z0-9]+)*)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|@sha256:[0-9a-f]{64})$", var.swarm_image)) && !endswith(var.swarm_image, ":latest")
    error_message = "swarm_image must be REPOSITORY:TAG or REPOSITORY@sha256:DIGEST without a registry, and not `latest`."
  }
}

variable "demo_replicas" {
  description = "The fewest and the most replicas of the demo in each region; Overwatch may scale within them."
  type        = object({ min = number, max = number })
  default     = { min = 1, max = 3 }

  validation {
    condition     = var.demo_replicas.min >= 1 && var.demo_replicas.max >= var.demo_replicas.min && var.demo_replicas.max <= 30 && floor(var.demo_replicas.min) == var.demo_replicas.min && floor(var.demo_replicas.max) == var.demo_replicas.max
    error_message = "demo_replicas must be whole numbers with 1 <= min <= max <= 30: an empty region is never right."
  }
}

variable "concurrent_requests" {
  description = "Requests in flight for which one replica of the demo is enough."
  type        = number
  default     = 50

  validation {
    condition     = var.concurrent_requests >= 1 && var.concurrent_requests <= 1000 && floor(var.concurrent_requests) == var.concurrent_requests
    error_message = "concurrent_requests must be a whole number from 1 to 1000."
  }
}

variable "swarm_may_act" {
  description = "False runs the swarm with the identity that can only read: it watches and diagnoses, and proposes nothing."
  type        = bool
  default     = true
}

variable "model" {
  description = "The model that thinks, reached with the swarm's identity: its endpoint, deployment, and the account that the identity gets access to. Null leaves the embedded reasoner."
  type        = object({ base_url = string, deployment = string, account_id = string })
  default     = null

  validation {
    condition     = var.model == null || can(regex("^https://[^\\s\"/]+/[^\\s\"]*$", var.model.base_url))
    error_message = "model.base_url must be an https address, such as `https://NAME.openai.azure.com/openai/v1/`."
  }

  validation {
    condition     = var.model == null || can(regex("^[A-Za-z0-9._-]{1,64}$", var.model.deployment))
    error_message = "model.deployment must be the name of a deployment: up to 64 letters, digits, dots, dashes and underscores."
  }

  validation {
    condition     = var.model == null || can(regex("(?i)^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\\.CognitiveServices/accounts/[^/]+$", var.model.account_id))
    error_message = "model.account_id must be the resource id of the account: `az cognitiveservices account show --query id`."
  }
}

variable "log_retention_days" {
  description = "How long logs are kept. They are the record of the swarm's decisions that outlives its container."
  type        = number
  default     = 30

  validation {
    condition     = var.log_retention_days >= 30 && var.log_retention_days <= 730 && floor(var.log_retention_days) == var.log_retention_days
    error_message = "log_retention_days must be a whole number from 30 to 730."
  }
}

variable "log_daily_cap_gb" {
  description = "Gigabytes of logs a day after which the rest of the day is dropped, so that a loud failure can't run up a bill."
  type        = number
  default     = 1

  validation {
    condition     = var.log_daily_cap_gb >= 0.1 && var.log_daily_cap_gb <= 100
    error_message = "log_daily_cap_gb must be from 0.1 to 100."
  }
}

variable "alert_email" {
  description = "Who is told when the swarm itself is unwell, and when money runs out; null tells the owners of the subscription."
  type        = string
  default     = null

  validation {
    condition     = var.alert_email == null || can(regex("^[^@\\s<>\",;]+@[^@\\s<>\",;]+\\.[^@\\s<>\",;]+$", var.alert_email))
    error_message = "alert_email must be null or one e-mail address."
  }
}

variable "budget" {
  description = "The monthly budget of the resource group, in the currency of the subscription's bill. It warns; it stops nothing."
  type        = number
  default     = 150

  validation {
    condition     = var.budget > 0
    error_message = "budget must be above 0."
  }
}
