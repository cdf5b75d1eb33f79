Feature: Errors, retries and timeouts

  Scenario: raise by reference with computed members
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: raise, version: 1.0.0 }
    use:
      errors:
        broken: { type: "https://x.example/broken", status: 418, title: "${ .title }", detail: "${ \"in \\($workflow.definition.document.name)\" }" }
    do:
    - stop: { raise: { error: broken } }
    """
    And given the workflow input is:
    """yaml
    { title: Broken }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: "https://x.example/broken", status: 418, title: Broken, detail: in raise, instance: /do/0/stop }
    """

  Scenario: A standard error is caught by https://serverlessworkflow.io/spec/1.0.0/errors
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: family, version: 1.0.0 }
    do:
    - try:
        try: [ { bad: { set: { x: "${ error }" } } } ]
        catch: { errors: { with: { type: https://serverlessworkflow.io/spec/1.0.0/errors/expression } }, do: [ { ok: { set: { caught: true } } } ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { caught: true }
    """

  Scenario: A standard error is caught by https://serverlessworkflow.io/dsl/errors/types
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: family, version: 1.0.0 }
    do:
    - try:
        try: [ { bad: { set: { x: "${ error }" } } } ]
        catch: { errors: { with: { type: https://serverlessworkflow.io/dsl/errors/types/expression } }, do: [ { ok: { set: { caught: true } } } ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { caught: true }
    """

  Scenario: A standard error is caught by https://open-workflow-specification.org/dsl/errors/types
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: family, version: 1.0.0 }
    do:
    - try:
        try: [ { bad: { set: { x: "${ error }" } } } ]
        catch: { errors: { with: { type: https://open-workflow-specification.org/dsl/errors/types/expression } }, do: [ { ok: { set: { caught: true } } } ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { caught: true }
    """

  Scenario: when and exceptWhen decide about catching
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: when, version: 1.0.0 }
    do:
    - first:
        try: [ { bad: { raise: { error: { type: "https://x.example/e", status: 500 } } } } ]
        catch: { as: e, when: $e.status == 500, exceptWhen: $e.status != 500 }
    - second:
        try: [ { bad: { raise: { error: { type: "https://x.example/e", status: 501 } } } } ]
        catch: { as: e, exceptWhen: $e.status == 501 }
    """
    And given the workflow input is:
    """yaml
    { a: 1 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { status: 501, instance: /do/1/second/try/0/bad }
    """

  Scenario: catch.then and catch.do
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: catch-then, version: 1.0.0 }
    do:
    - first:
        try: [ { bad: { raise: { error: { type: "https://x.example/e", status: 500 } } } } ]
        catch: { do: [ { note: { set: { noted: "${ $error.status }" } } } ], then: third }
    - second: { set: { second: true } }
    - third: { set: { third: "${ .noted }" } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { third: 500 }
    """
    And second should not run

  Scenario: retry with backoff until it works
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: retry, version: 1.0.0 }
    use:
      retries:
        patient: { delay: { milliseconds: 10 }, backoff: { exponential: {} }, jitter: { from: { milliseconds: 1 }, to: { milliseconds: 2 } }, limit: { attempt: { count: 5 } } }
    do:
    - get:
        try: [ { flaky: { call: http, with: { method: get, endpoint: "https://api.example.com/flaky/{id}" } } } ]
        catch: { errors: { with: { status: 503 } }, retry: patient }
    """
    And given the workflow input is:
    """yaml
    { id: retry-works }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { attempt: 3, sameKey: true }
    """

  Scenario: retry gives up after its limit and the error goes on
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: retry-limit, version: 1.0.0 }
    do:
    - get:
        try: [ { flaky: { raise: { error: { type: "https://x.example/e", status: 503 } } } } ]
        catch: { retry: { delay: PT0.01S, backoff: { linear: {} }, limit: { attempt: { count: 2 } } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { status: 503, instance: /do/0/get/try/0/flaky }
    """

  Scenario: after its last retry the error is handled
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: retry-handle, version: 1.0.0 }
    do:
    - get:
        try: [ { flaky: { raise: { error: { type: "https://x.example/e", status: 503 } } } } ]
        catch: { retry: { delay: PT0.01S, limit: { attempt: { count: 2 } } }, do: [ { ok: { set: { gaveUp: "${ $error.status }" } } } ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { gaveUp: 503 }
    """

  Scenario: retry.when decides
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: retry-when, version: 1.0.0 }
    do:
    - get:
        try: [ { flaky: { raise: { error: { type: "https://x.example/e", status: 400 } } } } ]
        catch: { as: e, retry: { when: $e.status >= 500 }, do: [ { ok: { set: { once: true } } } ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { once: true }
    """

  Scenario: the total duration limits retries
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: retry-duration, version: 1.0.0 }
    do:
    - get:
        try: [ { flaky: { raise: { error: { type: "https://x.example/e", status: 500 } } } } ]
        catch: { retry: { delay: PT10M, limit: { duration: PT5M } }, do: [ { ok: { set: { stopped: true } } } ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { stopped: true }
    """

  Scenario: an attempt has a duration of its own
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: attempt-duration, version: 1.0.0 }
    do:
    - get:
        try: [ { slow: { wait: PT1H } } ]
        catch:
          errors: { with: { type: "https://serverlessworkflow.io/spec/1.0.0/errors/timeout", status: 408 } }
          retry: { limit: { attempt: { count: 1, duration: PT0.05S } } }
          do: [ { ok: { set: { timedOut: true } } } ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { timedOut: true }
    """

  Scenario: a task times out, and its clean-up is awaited
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: task-timeout, version: 1.0.0 }
    use: { timeouts: { short: { after: PT0.1S } } }
    do:
    - guard:
        try: [ { slow: { timeout: short, do: [ { w: { wait: PT1H } } ] } } ]
        catch: { as: e, do: [ { ok: { set: { status: "${ $e.status }", instance: "${ $e.instance }" } } } ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { status: 408, instance: /do/0/guard/try/0/slow }
    """

  Scenario: the flow times out
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: flow-timeout, version: 1.0.0 }
    timeout: { after: { milliseconds: 50 } }
    do:
    - slow: { wait: PT1H }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout, status: 408 }
    """

  Scenario: a nested catch sees what the inner one lets through
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: nested, version: 1.0.0 }
    do:
    - outer:
        try:
        - inner:
            try: [ { bad: { raise: { error: { type: "https://x.example/e", status: 500 } } } } ]
            catch: { errors: { with: { status: 404 } } }
        catch: { do: [ { ok: { set: { outer: "${ $error.instance }" } } } ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { outer: /do/0/outer/try/0/inner/try/0/bad }
    """
