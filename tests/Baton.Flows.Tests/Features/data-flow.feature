Feature: Data flow

  Scenario: Workflow input is validated and transformed
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: input, version: 1.0.0 }
    input:
      schema: { document: { type: object, required: [order], properties: { order: { type: object } } } }
      from: .order
    do:
    - show: { set: { id: "${ .id }", context: "${ $context }", raw: "${ $workflow.input.order.id }" } }
    """
    And given the workflow input is:
    """yaml
    order: { id: 7 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { id: 7, context: { id: 7 }, raw: 7 }
    """

  Scenario: Workflow input that does not match its schema faults
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: input-schema, version: 1.0.0 }
    input:
      schema: { document: { type: object, required: [order] } }
    do:
    - show: { set: { a: 1 } }
    """
    And given the workflow input is:
    """yaml
    other: 1
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/validation, status: 400, instance: /input }
    """

  Scenario: Task input, output and export, each with a schema
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: stages, version: 1.0.0 }
    do:
    - double:
        input: { schema: { document: { type: object, required: [n] } }, from: "${ { n: .n } }" }
        set: { twice: "${ .n * 2 }", input: "${ $input }" }
        output: { schema: { document: { type: number } }, as: .twice }
        export: { schema: { document: { type: object } }, as: "${ { seen: ., out: $output, raw: $task.output } }" }
    - show: { set: { data: "${ . }", context: "${ $context }" } }
    """
    And given the workflow input is:
    """yaml
    { n: 4, other: 1 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { data: 8, context: { seen: 8, out: 8, raw: { twice: 8, input: { n: 4 } } } }
    """

  Scenario: Task input that does not match its schema faults
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: task-schema, version: 1.0.0 }
    do:
    - check:
        input: { schema: { document: { type: object, required: [n] } } }
        set: { a: 1 }
    """
    And given the workflow input is:
    """yaml
    { m: 1 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/validation, status: 400, instance: /do/0/check }
    """

  Scenario: Task output that does not match its schema faults
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: out-schema, version: 1.0.0 }
    do:
    - check:
        set: { a: 1 }
        output: { schema: { document: { type: string } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/validation, status: 400, instance: /do/0/check }
    """

  Scenario: Exported context that does not match its schema faults
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: export-schema, version: 1.0.0 }
    do:
    - check:
        set: { a: 1 }
        export: { as: ., schema: { document: { required: [b] } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/validation, status: 400, instance: /do/0/check }
    """

  Scenario: Workflow output is transformed and validated
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: output, version: 1.0.0 }
    do:
    - one: { set: { a: 1, b: 2 } }
    output: { as: "${ { sum: (.a + .b) } }", schema: { document: { required: [sum] } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { sum: 3 }
    """

  Scenario: Workflow output that does not match its schema faults
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: output-schema, version: 1.0.0 }
    do:
    - one: { set: { a: 1 } }
    output: { schema: { document: { required: [sum] } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/validation, status: 400, instance: /output }
    """

  Scenario: Transformations as objects
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: objects, version: 1.0.0 }
    do:
    - one:
        input: { from: { x: "${ .a }", y: fixed } }
        set: { got: "${ . }" }
        output: { as: { final: "${ .got }" } }
        export: { as: { kept: "${ .final.x }" } }
    - two: { set: { kept: "${ $context.kept }", final: "${ .final }" } }
    """
    And given the workflow input is:
    """yaml
    { a: 5 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { kept: 5, final: { x: 5, y: fixed } }
    """

  Scenario: A failing expression faults with the task as instance
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: expression, version: 1.0.0 }
    do:
    - bad: { set: { x: '${ .a | error("no") }' } }
    """
    And given the workflow input is:
    """yaml
    { a: 5 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/expression, status: 400, instance: /do/0/bad }
    """

  Scenario: An expression that never ends faults
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: endless, version: 1.0.0 }
    do:
    - bad: { set: { x: '${ [range(infinite)] }' } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/expression, status: 400, instance: /do/0/bad }
    """

  Scenario: Expression syntax in data is never evaluated
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: injection, version: 1.0.0 }
    do:
    - keep: { set: { x: "${ .text }" } }
    - again: { set: { y: "${ .x }" } }
    """
    And given the workflow input is:
    """yaml
    text: '${ 1 + 1 }'
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    y: '${ 1 + 1 }'
    """

  Scenario: Descriptors of workflow, task and runtime
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: descriptors, version: 1.0.0 }
    do:
    - show:
        metadata: { owner: ops }
        set:
          name: ${ $task.name }
          reference: ${ $task.reference }
          owner: ${ $task.definition.metadata.owner }
          flow: ${ $workflow.definition.document.name }
          runtime: ${ $runtime.name }
          started: ${ $workflow.startedAt.epoch.milliseconds <= $task.startedAt.epoch.milliseconds }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { name: show, reference: /do/0/show, owner: ops, flow: descriptors, runtime: Baton, started: true }
    """

  Scenario: Loose mode evaluates what parses and keeps the rest
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: loose, version: 1.0.0 }
    evaluate: { mode: loose }
    do:
    - show: { set: { sum: .a + 1, text: just some words, url: https://x.example/y } }
    """
    And given the workflow input is:
    """yaml
    { a: 2 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { sum: 3, text: just some words, url: https://x.example/y }
    """

  Scenario: Expressions in JavaScript
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: javascript, version: 1.0.0 }
    evaluate: { language: js }
    do:
    - show: { set: { sum: "${ $data.items.reduce((a, b) => a + b, 0) }", flow: "${ $workflow.definition.document.name }" } }
    - check: { if: "$input === null && $data.sum > 3", set: { big: "${ $data.sum }" } }
    """
    And given the workflow input is:
    """yaml
    { items: [1, 2, 3] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { big: 6 }
    """

  Scenario: A schema by resource accepts
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: external-schema, version: 1.0.0 }
    input: { schema: { resource: { endpoint: https://api.example.com/schema.json } } }
    do:
    - show: { set: { n: "${ .n }" }, output: { schema: { resource: { endpoint: https://api.example.com/schema.json } } } }
    """
    And given the workflow input is:
    """yaml
    { n: 1 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 1 }
    """

  Scenario: A schema by resource refuses
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: external-schema, version: 1.0.0 }
    input: { schema: { resource: { endpoint: https://api.example.com/schema.json } } }
    do:
    - show: { set: { n: "${ .n }" }, output: { schema: { resource: { endpoint: https://api.example.com/schema.json } } } }
    """
    And given the workflow input is:
    """yaml
    { n: x }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/validation, status: 400, instance: /input }
    """
