Feature: Flow control

  Scenario: A task whose condition is false is skipped, and its then with it
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: if, version: 1.0.0 }
    do:
    - first: { if: .n > 5, set: { big: true }, then: end }
    - second: { set: { n: "${ .n }", small: true } }
    """
    And given the workflow input is:
    """yaml
    { n: 1 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 1, small: true }
    """
    And first should not run

  Scenario: exit leaves the list, end the flow
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: exit, version: 1.0.0 }
    do:
    - inner:
        do:
        - a: { set: { a: 1 }, then: exit }
        - b: { set: { b: 1 } }
    - c: { set: { c: "${ .a }" }, then: end }
    - d: { set: { d: 1 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { c: 1 }
    """
    And b should not run
    And d should not run

  Scenario: end inside a block ends the flow
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: end, version: 1.0.0 }
    do:
    - outer:
        do:
        - inner: { do: [ { a: { set: { a: 1 }, then: end } } ] }
        - b: { set: { b: 1 } }
    - c: { set: { c: 1 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { a: 1 }
    """
    And c should not run

  Scenario: then leads back to an earlier task
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: loop, version: 1.0.0 }
    do:
    - count: { set: { n: "${ .n + 1 }" } }
    - again: { switch: [ { more: { when: .n < 5, then: count } }, { done: { then: end } } ] }
    - never: { set: { n: 0 } }
    """
    And given the workflow input is:
    """yaml
    { n: 0 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 5 }
    """
    And never should not run

  Scenario: A case that says continue goes on, whatever the then of the switch
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: case, version: 1.0.0 }
    do:
    - choose: { switch: [ { one: { when: .n == 1, then: continue } } ], then: end }
    - next: { set: { reached: true } }
    """
    And given the workflow input is:
    """yaml
    { n: 1 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { reached: true }
    """

  Scenario: for with while, inline items and default names
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: for-while, version: 1.0.0 }
    do:
    - loop:
        for: { in: [ { v: 1 }, { v: 2 }, { v: 3 } ] }
        while: $item.v < 3
        do:
        - add: { set: { sum: "${ (.sum // 0) + $item.v }", last: "${ $index }" } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { sum: 3, last: 1 }
    """

  Scenario: exit in a loop goes to the next iteration, end leaves the flow
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: for-exit, version: 1.0.0 }
    do:
    - loop:
        for: { each: n, in: "${ [1, 2, 3, 4] }" }
        do:
        - skip: { switch: [ { two: { when: $n == 2, then: exit } }, { four: { when: $n == 4, then: end } }, { rest: { then: continue } } ] }
        - add: { set: { seen: "${ (.seen // []) + [$n] }" } }
    - never: { set: { a: 1 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { seen: [1, 3] }
    """
    And never should not run

  Scenario: for over something that is no list faults
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: for-bad, version: 1.0.0 }
    do:
    - loop: { for: { in: .a }, do: [ { x: { set: { a: 1 } } } ] }
    """
    And given the workflow input is:
    """yaml
    { a: { b: 1 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/expression, status: 400, instance: /do/0/loop }
    """

  Scenario: fork without compete gives the outputs in the order of the branches
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: fork, version: 1.0.0 }
    do:
    - both:
        fork:
          branches:
          - slow: { do: [ { w: { wait: PT2S } }, { s: { set: { a: "${ .n }" } } } ] }
          - fast: { set: { b: "${ .n }" } }
    """
    And given the workflow input is:
    """yaml
    { n: 3 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ { a: 3 }, { b: 3 } ]
    """

  Scenario: fork with compete gives the first and cancels the rest
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: compete, version: 1.0.0 }
    do:
    - race:
        fork:
          compete: true
          branches:
          - slow: { do: [ { w: { wait: PT1H } }, { s: { set: { slow: true } } } ] }
          - fast: { do: [ { w: { wait: PT1S } }, { s: { set: { fast: true } } } ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { fast: true }
    """

  Scenario: A branch that faults loses the race, and only if all do the race faults
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: compete-fault, version: 1.0.0 }
    do:
    - race:
        fork:
          compete: true
          branches:
          - bad: { raise: { error: { type: "https://x.example/bad", status: 500 } } }
          - good: { do: [ { w: { wait: PT1S } }, { s: { set: { good: true } } } ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { good: true }
    """

  Scenario: A fault in a branch cancels the others
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: fork-fault, version: 1.0.0 }
    do:
    - both:
        fork:
          branches:
          - slow: { wait: PT1H }
          - bad: { raise: { error: { type: "https://x.example/bad", status: 500 } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: "https://x.example/bad", status: 500, instance: /do/0/both/fork/branches/1/bad }
    """

  Scenario: wait passes its input on
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: wait, version: 1.0.0 }
    do:
    - pause: { wait: { milliseconds: 5 } }
    - computed: { wait: "${ .pause }" }
    - show: { set: { same: "${ .pause }" } }
    """
    And given the workflow input is:
    """yaml
    pause: PT0.01S
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { same: PT0.01S }
    """

  Scenario: Extensions before and after
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: extensions, version: 1.0.0 }
    use:
      extensions:
      - trail:
          extend: set
          when: $task.name != "plain"
          before:
          - mark: { set: { marked: "${ $task.reference }" }, export: { as: "${ ($context // {}) + { before: .marked } }" } }
          after:
          - note: { set: { x: "${ . }" }, export: { as: "${ $context + { after: .x } }" } }
    do:
    - work: { set: { done: true } }
    - plain: { set: { context: "${ $context }", done: "${ .done }" } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { context: { before: /do/0/work, after: { done: true } }, done: true }
    """

  Scenario: An extension that exits stands in for the task
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: mock, version: 1.0.0 }
    use:
      extensions:
      - mock:
          extend: call
          when: $task.with.endpoint | startswith("https://mocked.example")
          before:
          - answer: { set: { foo: bar }, then: exit }
    do:
    - get: { call: http, with: { method: get, endpoint: https://mocked.example/x } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { foo: bar }
    """
