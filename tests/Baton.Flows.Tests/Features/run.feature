Feature: Processes and subflows

  Scenario: shell with stdin, arguments and environment
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: shell, version: 1.0.0 }
    do:
    - go:
        run:
          shell: { command: 'printf "%s|%s|%s" "$(cat)" "$1" "$WHO"', stdin: "${ .text }", arguments: [one], environment: { WHO: "${ .who }" } }
    """
    And given the workflow input is:
    """yaml
    { text: hello, who: ann }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    hello|one|ann
    """

  Scenario: shell: everything it gives
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: shell-all, version: 1.0.0 }
    do:
    - go: { run: { shell: { command: "echo out; echo err >&2; exit 3" }, return: all } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { code: 3, stdout: "out\n", stderr: "err\n" }
    """

  Scenario: shell: only its code
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: shell-code, version: 1.0.0 }
    do:
    - go: { run: { shell: { command: exit 4 }, return: code } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    4
    """

  Scenario: shell: stderr, and nothing
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: shell-stderr, version: 1.0.0 }
    do:
    - one: { run: { shell: { command: "printf oops >&2" }, return: stderr }, export: { as: "${ { err: . } }" } }
    - two: { run: { shell: { command: "printf x" }, return: none }, output: { as: "${ { none: ., err: $context.err } }" } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { none: null, err: oops }
    """

  Scenario: a shell that fails faults the task
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: shell-fails, version: 1.0.0 }
    do:
    - go: { run: { shell: { command: "echo why >&2; exit 1" } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/runtime, status: 500, instance: /do/0/go, detail: "The shell ended with exit code 1: why" }
    """

  Scenario: a shell sees nothing of the server environment
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: shell-env, version: 1.0.0 }
    do:
    - go: { run: { shell: { command: 'env | cut -d= -f1 | grep -c BATON_TEST_CANARY; true' } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    "0\n"
    """

  Scenario: a script in Python
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: python, version: 1.0.0 }
    do:
    - go: { run: { script: { language: python, code: "import sys\nprint(sys.argv[1] + sys.stdin.read(), end='')", stdin: "${ .n }", arguments: [a] } } }
    """
    And given the workflow input is:
    """yaml
    { n: b }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    ab
    """

  Scenario: a script in JavaScript
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: js, version: 1.0.0 }
    do:
    - go: { run: { script: { language: js, code: "process.stdout.write(String(process.argv[2].length))", arguments: [four] } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    '4'
    """

  Scenario: a script from elsewhere
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: script-source, version: 1.0.0 }
    do:
    - go: { run: { script: { language: python, source: { endpoint: https://api.example.com/script.py } } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    fetched
    """

  Scenario: a subflow
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: subflow, version: 1.0.0 }
    do:
    - sub: { run: { workflow: { namespace: tests, name: child, version: 1.0.0, input: { n: "${ .n }" } } } }
    """
    And given the workflow input is:
    """yaml
    { n: 5 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { doubled: 10 }
    """

  Scenario: a subflow that faults
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: subflow-fault, version: 1.0.0 }
    do:
    - guard:
        try: [ { sub: { run: { workflow: { namespace: tests, name: failing, version: latest } } } } ]
        catch: { do: [ { ok: { set: { status: "${ $error.status }", type: "${ $error.type }" } } } ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { status: 409, type: "https://x.example/conflict" }
    """

  Scenario: a subflow that does not exist
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: subflow-none, version: 1.0.0 }
    do:
    - sub: { run: { workflow: { namespace: tests, name: nobody, version: 1.0.0 } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration, status: 400, instance: /do/0/sub }
    """

  Scenario: a subflow that is not awaited
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: subflow-async, version: 1.0.0 }
    do:
    - sub: { run: { await: false, workflow: { namespace: tests, name: child, version: 1.0.0, input: { n: 1 } } } }
    """
    And given the workflow input is:
    """yaml
    { kept: true }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { kept: true }
    """

  Scenario: a subflow that calls itself ends with an error
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: subflow-self, version: 1.0.0 }
    do:
    - sub: { run: { workflow: { namespace: tests, name: endless, version: 1.0.0 } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration, status: 400 }
    """

  Scenario: a container is refused where the settings do not allow it
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: container, version: 1.0.0 }
    do:
    - go: { run: { container: { image: alpine } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration, status: 400, instance: /do/0/go }
    """
