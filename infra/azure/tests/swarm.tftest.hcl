mock_provider "azurerm" {
  source = "./tests/mocks"
}

variables {
  subscription_id = "00000000-0000-0000-0000-000000000001"
  alert_email     = "on-call@example.org"
}

override_resource {
  target = azurerm_user_assigned_identity.swarm
  values = {
    id           = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/overwatch/providers/Microsoft.ManagedIdentity/userAssignedIdentities/overwatch-swarm"
    client_id    = "00000000-0000-0000-0000-00000000ac70"
    principal_id = "00000000-0000-0000-0000-00000000ac71"
  }
}

override_resource {
  target = azurerm_user_assigned_identity.watch
  values = {
    id           = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/overwatch/providers/Microsoft.ManagedIdentity/userAssignedIdentities/overwatch-watch"
    client_id    = "00000000-0000-0000-0000-00000000eee0"
    principal_id = "00000000-0000-0000-0000-00000000eee1"
  }
}

run "the_swarm_acts_with_its_own_identity" {
  command = apply

  assert {
    condition     = contains([for variable in azurerm_container_app.swarm.template[0].container[0].env : variable.value if variable.name == "AZURE_CLIENT_ID"], "00000000-0000-0000-0000-00000000ac70")
    error_message = "the swarm does not log in with the identity that may act"
  }

  assert {
    condition     = !anytrue([for id in azurerm_container_app.swarm.identity[0].identity_ids : endswith(id, "/overwatch-watch")])
    error_message = "the swarm carries the watching identity, too"
  }

  assert {
    condition     = !strcontains(nonsensitive(one(azurerm_container_app.swarm.secret).value), "allowed_actions")
    error_message = "the swarm is told to propose nothing"
  }
}

run "a_swarm_that_may_not_act_has_neither_the_identity_nor_the_wish" {
  command = apply

  variables {
    swarm_may_act = false
  }

  assert {
    condition     = contains([for variable in azurerm_container_app.swarm.template[0].container[0].env : variable.value if variable.name == "AZURE_CLIENT_ID"], "00000000-0000-0000-0000-00000000eee0")
    error_message = "the swarm does not log in with the identity that only looks"
  }

  assert {
    condition     = !anytrue([for id in azurerm_container_app.swarm.identity[0].identity_ids : endswith(id, "/overwatch-swarm")])
    error_message = "the swarm carries the identity that may act"
  }

  assert {
    condition     = strcontains(nonsensitive(one(azurerm_container_app.swarm.secret).value), "allowed_actions = []")
    error_message = "the swarm still proposes what it may not do"
  }
}

run "the_configuration_names_what_was_made" {
  command = apply

  assert {
    condition = alltrue([for line in [
      "verify_timeout_s = 2700",
      "hold_down_s = 2700",
      "[targets.mini-app]",
      "public_url = \"https://overwatch-0.z01.azurefd.net\"",
      "regions = { east = { url = \"https://overwatch-demo-east.calm-sea-0.azurecontainerapps.io\", probe_path = \"/api/users?limit=1\" }, west = { url = \"https://overwatch-demo-west.calm-sea-0.azurecontainerapps.io\", probe_path = \"/api/users?limit=1\" } }",
      "[targets.mini-app.platform]",
      "subscription_id = \"00000000-0000-0000-0000-000000000001\"",
      "resource_group = \"overwatch\"",
      "container_apps = { east = \"overwatch-demo-east\", west = \"overwatch-demo-west\" }",
      "traffic = { kind = \"front_door\", profile = \"overwatch-front-door\", origin_group = \"regions\", origins = { east = \"east\", west = \"west\" }, switch_timeout_s = 2700 }",
      "images = [\"overwatch0.azurecr.io/mini-app:\", \"overwatch0.azurecr.io/mini-app@\"]",
      "log_workspace = \"00000000-0000-0000-0000-0000000000aa\"",
      "min_replicas = 1",
      "max_replicas = 3",
    ] : strcontains(output.overwatch_toml, "\n${line}\n")])
    error_message = "overwatch.toml does not name what was made:\n${output.overwatch_toml}"
  }

  assert {
    condition     = contains([for variable in azurerm_container_app.swarm.template[0].container[0].env : variable.value if variable.name == "CONFIGURATION_SHA256"], sha256(nonsensitive(one(azurerm_container_app.swarm.secret).value)))
    error_message = "a change of the configuration does not restart the swarm"
  }
}

run "the_configuration_knows_traffic_manager" {
  command = apply

  variables {
    traffic = "traffic_manager"
    domain  = "app.example.org"
  }

  assert {
    condition     = strcontains(output.overwatch_toml, "\ntraffic = { kind = \"traffic_manager\", profile = \"overwatch-traffic\", endpoint_type = \"ExternalEndpoints\", endpoints = { east = \"east\", west = \"west\" }, switch_timeout_s = 300 }\n")
    error_message = "overwatch.toml does not name the endpoints:\n${output.overwatch_toml}"
  }
}

run "a_model_is_reached_with_the_swarms_identity" {
  command = apply

  variables {
    model = {
      base_url   = "https://thinker.openai.azure.com/openai/v1/"
      deployment = "gpt-5-mini"
      account_id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/models/providers/Microsoft.CognitiveServices/accounts/thinker"
    }
  }

  assert {
    condition     = azurerm_role_assignment.model[0].principal_id == "00000000-0000-0000-0000-00000000ac71" && azurerm_role_assignment.model[0].role_definition_name == "Cognitive Services OpenAI User"
    error_message = "the swarm may not ask the model, or may do more"
  }

  assert {
    condition     = strcontains(output.overwatch_toml, "[model]\nbase_url = \"https://thinker.openai.azure.com/openai/v1/\"\nmodel = \"gpt-5-mini\"\nauth = \"entra\"\n")
    error_message = "overwatch.toml does not name the model:\n${output.overwatch_toml}"
  }
}

run "without_a_model_nothing_is_said_about_one" {
  command = apply

  assert {
    condition     = length(azurerm_role_assignment.model) == 0 && !strcontains(output.overwatch_toml, "[model]")
    error_message = "a model is configured that nobody named"
  }
}

run "heartbeat_gets_all_of_its_variables" {
  command = apply

  assert {
    condition     = alltrue([for key in ["subscription_id", "resource_group", "location", "workspace_id", "action_group_id", "swarm_app"] : can(regex("(?m)^${key} +?= \"[^\"]+\"$", output.heartbeat_tfvars))])
    error_message = "a variable of heartbeat/ is missing:\n${output.heartbeat_tfvars}"
  }
}
