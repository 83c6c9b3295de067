mock_provider "azurerm" {
  source = "./tests/mocks"
}

variables {
  subscription_id = "00000000-0000-0000-0000-000000000001"
  alert_email     = "on-call@example.org"
}

run "an_id_that_is_none_is_refused" {
  command = plan

  variables {
    subscription_id = "my subscription"
  }

  expect_failures = [var.subscription_id]
}

run "a_name_that_is_too_long_is_refused" {
  command = plan

  variables {
    name = "overwatch-long"
  }

  expect_failures = [var.name]
}

run "a_name_that_is_too_short_is_refused" {
  command = plan

  variables {
    name = "ow"
  }

  expect_failures = [var.name]
}

run "a_name_with_capitals_is_refused" {
  command = plan

  variables {
    name = "Overwatch"
  }

  expect_failures = [var.name]
}

run "a_name_with_two_dashes_together_is_refused" {
  command = plan

  variables {
    name = "over--watch"
  }

  expect_failures = [var.name]
}

run "one_region_alone_is_refused" {
  command = plan

  variables {
    regions = { east = "eastus" }
  }

  expect_failures = [var.regions]
}

run "six_regions_are_refused" {
  command = plan

  variables {
    regions = { a = "eastus", b = "westus3", c = "westus", d = "northeurope", e = "westeurope", f = "uksouth" }
  }

  expect_failures = [var.regions]
}

run "two_regions_in_one_location_are_refused" {
  command = plan

  variables {
    regions = { east = "eastus", west = "eastus" }
  }

  expect_failures = [var.regions]
}

run "a_location_in_display_form_is_refused" {
  command = plan

  variables {
    regions = { east = "East US", west = "westus3" }
  }

  expect_failures = [var.regions]
}

run "a_regions_name_with_a_dash_is_refused" {
  command = plan

  variables {
    regions = { us-east = "eastus", west = "westus3" }
  }

  expect_failures = [var.regions]
}

run "a_swarm_in_a_watched_region_is_refused" {
  command = plan

  variables {
    location = "eastus"
  }

  expect_failures = [var.location]
}

run "a_location_of_the_swarm_in_display_form_is_refused" {
  command = plan

  variables {
    location = "Central US"
  }

  expect_failures = [var.location]
}

run "a_tag_with_a_slash_is_refused" {
  command = plan

  variables {
    tags = { "a/b" = "c" }
  }

  expect_failures = [var.tags]
}

run "too_many_tags_are_refused" {
  command = plan

  variables {
    tags = { for number in range(14) : "tag${number}" => "x" }
  }

  expect_failures = [var.tags]
}

run "another_way_of_moving_traffic_is_refused" {
  command = plan

  variables {
    traffic = "dns"
  }

  expect_failures = [var.traffic]
}

run "traffic_manager_without_a_domain_is_refused" {
  command = plan

  variables {
    traffic = "traffic_manager"
  }

  expect_failures = [var.domain]
}

run "a_domain_with_front_door_is_refused" {
  command = plan

  variables {
    domain = "app.example.org"
  }

  expect_failures = [var.domain]
}

run "a_domain_that_can_be_no_cname_is_refused" {
  command = plan

  variables {
    traffic = "traffic_manager"
    domain  = "example.org"
  }

  expect_failures = [var.domain]
}

run "a_domain_with_a_scheme_is_refused" {
  command = plan

  variables {
    traffic = "traffic_manager"
    domain  = "https://app.example.org"
  }

  expect_failures = [var.domain]
}

run "health_probes_that_are_too_rare_are_refused" {
  command = plan

  variables {
    health_probe_interval_s = 121
  }

  expect_failures = [var.health_probe_interval_s]
}

run "health_probes_that_are_too_many_are_refused" {
  command = plan

  variables {
    health_probe_interval_s = 4
  }

  expect_failures = [var.health_probe_interval_s]
}

run "a_ttl_that_is_too_long_is_refused" {
  command = plan

  variables {
    dns_ttl_s = 31
  }

  expect_failures = [var.dns_ttl_s]
}

run "a_ttl_that_is_too_short_is_refused" {
  command = plan

  variables {
    dns_ttl_s = 9
  }

  expect_failures = [var.dns_ttl_s]
}

run "an_image_without_a_tag_is_refused" {
  command = plan

  variables {
    demo_image = "mini-app"
  }

  expect_failures = [var.demo_image]
}

run "an_image_called_latest_is_refused" {
  command = plan

  variables {
    demo_image = "mini-app:latest"
  }

  expect_failures = [var.demo_image]
}

run "an_image_of_another_registry_is_refused" {
  command = plan

  variables {
    demo_image = "evil.example.org:443/mini-app:1"
  }

  expect_failures = [var.demo_image]
}

run "a_swarms_image_without_a_tag_is_refused" {
  command = plan

  variables {
    swarm_image = "overwatch"
  }

  expect_failures = [var.swarm_image]
}

run "a_swarms_image_with_a_short_digest_is_refused" {
  command = plan

  variables {
    swarm_image = "overwatch@sha256:abc"
  }

  expect_failures = [var.swarm_image]
}

run "a_swarms_image_called_latest_is_refused" {
  command = plan

  variables {
    swarm_image = "overwatch:latest"
  }

  expect_failures = [var.swarm_image]
}

run "an_empty_region_is_refused" {
  command = plan

  variables {
    demo_replicas = { min = 0, max = 3 }
  }

  expect_failures = [var.demo_replicas]
}

run "fewer_at_most_than_at_least_is_refused" {
  command = plan

  variables {
    demo_replicas = { min = 3, max = 2 }
  }

  expect_failures = [var.demo_replicas]
}

run "half_a_replica_is_refused" {
  command = plan

  variables {
    demo_replicas = { min = 1.5, max = 3 }
  }

  expect_failures = [var.demo_replicas]
}

run "too_many_replicas_are_refused" {
  command = plan

  variables {
    demo_replicas = { min = 1, max = 31 }
  }

  expect_failures = [var.demo_replicas]
}

run "a_scale_rule_for_no_request_is_refused" {
  command = plan

  variables {
    concurrent_requests = 0
  }

  expect_failures = [var.concurrent_requests]
}

run "a_model_over_plain_http_is_refused" {
  command = plan

  variables {
    model = { base_url = "http://thinker/openai/v1/", deployment = "gpt", account_id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/a" }
  }

  expect_failures = [var.model]
}

run "a_model_whose_account_is_no_account_is_refused" {
  command = plan

  variables {
    model = { base_url = "https://thinker/openai/v1/", deployment = "gpt", account_id = "/subscriptions/s" }
  }

  expect_failures = [var.model]
}

run "a_deployment_with_a_quote_is_refused" {
  command = plan

  variables {
    model = { base_url = "https://thinker/openai/v1/", deployment = "a\"b", account_id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/a" }
  }

  expect_failures = [var.model]
}

run "logs_that_are_gone_too_soon_are_refused" {
  command = plan

  variables {
    log_retention_days = 7
  }

  expect_failures = [var.log_retention_days]
}

run "logs_that_stay_for_too_long_are_refused" {
  command = plan

  variables {
    log_retention_days = 731
  }

  expect_failures = [var.log_retention_days]
}

run "no_room_for_logs_is_refused" {
  command = plan

  variables {
    log_daily_cap_gb = 0
  }

  expect_failures = [var.log_daily_cap_gb]
}

run "an_address_that_is_none_is_refused" {
  command = plan

  variables {
    alert_email = "on-call"
  }

  expect_failures = [var.alert_email]
}

run "two_addresses_are_refused" {
  command = plan

  variables {
    alert_email = "a@example.org,b@example.org"
  }

  expect_failures = [var.alert_email]
}

run "a_budget_of_nothing_is_refused" {
  command = plan

  variables {
    budget = 0
  }

  expect_failures = [var.budget]
}
