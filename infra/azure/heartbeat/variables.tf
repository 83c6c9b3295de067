# All of them come from the configuration above: `terraform output -raw heartbeat_tfvars > heartbeat/terraform.tfvars`.

variable "subscription_id" {
  description = "The subscription that the swarm runs in."
  type        = string
}

variable "resource_group" {
  description = "The resource group that the alert is made in."
  type        = string
}

variable "location" {
  description = "The location of the log workspace."
  type        = string
}

variable "workspace_id" {
  description = "The resource id of the log workspace."
  type        = string

  validation {
    condition     = can(regex("(?i)/providers/Microsoft\\.OperationalInsights/workspaces/[^/]+$", var.workspace_id))
    error_message = "workspace_id must be the resource id of a Log Analytics workspace, not its customer id."
  }
}

variable "action_group_id" {
  description = "The resource id of the action group that is told."
  type        = string

  validation {
    condition     = can(regex("(?i)/providers/Microsoft\\.Insights/actionGroups/[^/]+$", var.action_group_id))
    error_message = "action_group_id must be the resource id of an action group."
  }
}

variable "swarm_app" {
  description = "The swarm's container app, as the logs call it."
  type        = string

  # It becomes part of a query.
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,30}[a-z0-9]$", var.swarm_app))
    error_message = "swarm_app must be the name of a container app: lower case letters, digits and dashes."
  }
}
