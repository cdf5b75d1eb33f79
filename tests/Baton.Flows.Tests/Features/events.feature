Feature: Events

  Scenario: listen to one, reading data
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: one, version: 1.0.0 }
    do:
    - hear: { listen: { to: { one: { with: { type: order.paid } } } } }
    """
    And given after PT1S the event:
    """yaml
    { id: x0, source: /s, type: order.other }
    """
    And given after PT2S the event:
    """yaml
    { id: a1, source: /s, type: order.paid, data: { order: 7, amount: 10 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ { order: 7, amount: 10 } ]
    """

  Scenario: listen to one, reading the envelope
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: envelope, version: 1.0.0 }
    do:
    - hear: { listen: { to: { one: { with: { type: order.paid } } }, read: envelope } }
    """
    And given after PT1S the event:
    """yaml
    { id: a1, source: /s, type: order.paid, data: { order: 7, amount: 10 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ { id: a1, source: /s, type: order.paid, data: { order: 7, amount: 10 } } ]
    """

  Scenario: listen to one, reading raw
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: raw, version: 1.0.0 }
    do:
    - hear: { listen: { to: { one: { with: { type: order.paid } } }, read: raw } }
    """
    And given after PT1S the event:
    """yaml
    { id: a1, source: /s, type: order.paid, data: { order: 7, amount: 10 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ '{"order":7,"amount":10}' ]
    """

  Scenario: listen to all, in the order of arrival
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: all, version: 1.0.0 }
    do:
    - hear: { listen: { to: { all: [ { with: { type: a } }, { with: { type: b } } ] } } }
    """
    And given after PT1S the event:
    """yaml
    { id: 1, source: /s, type: b, data: 2 }
    """
    And given after PT2S the event:
    """yaml
    { id: 2, source: /s, type: b, data: 3 }
    """
    And given after PT3S the event:
    """yaml
    { id: 3, source: /s, type: a, data: 1 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ 2, 1 ]
    """

  Scenario: listen to any with conditions on data and patterns
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: any, version: 1.0.0 }
    do:
    - hear:
        listen:
          to:
            any:
            - with: { type: 'vitals\..*', data: "${ .temperature > 38 }" }
            - with: { type: alarm, source: "${ . == \"/ward\" }" }
    """
    And given after PT1S the event:
    """yaml
    { id: 1, source: /s, type: vitals.t, data: { temperature: 37 } }
    """
    And given after PT2S the event:
    """yaml
    { id: 2, source: /x, type: alarm }
    """
    And given after PT3S the event:
    """yaml
    { id: 3, source: /s, type: vitals.t, data: { temperature: 39 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ { temperature: 39 } ]
    """

  Scenario: listen until a condition
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: until, version: 1.0.0 }
    do:
    - hear: { listen: { to: { any: [], until: ( . | length ) >= 3 } } }
    """
    And given after PT1S the event:
    """yaml
    { id: e1, source: /s, type: t, data: 1 }
    """
    And given after PT2S the event:
    """yaml
    { id: e2, source: /s, type: t, data: 2 }
    """
    And given after PT3S the event:
    """yaml
    { id: e3, source: /s, type: t, data: 3 }
    """
    And given after PT4S the event:
    """yaml
    { id: e4, source: /s, type: t, data: 4 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ 1, 2, 3 ]
    """

  Scenario: listen until an event, which is not part of the output
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: until-event, version: 1.0.0 }
    do:
    - hear: { listen: { to: { any: [ { with: { type: reading } } ], until: { one: { with: { type: stop } } } } } }
    """
    And given after PT1S the event:
    """yaml
    { id: 1, source: /s, type: reading, data: 1 }
    """
    And given after PT2S the event:
    """yaml
    { id: 2, source: /s, type: reading, data: 2 }
    """
    And given after PT3S the event:
    """yaml
    { id: 3, source: /s, type: stop }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ 1, 2 ]
    """

  Scenario: foreach event, with output and export
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: foreach, version: 1.0.0 }
    do:
    - hear:
        listen: { to: { any: [ { with: { type: reading } } ], until: ( . | length ) == 2 } }
        foreach:
          item: r
          at: i
          do: [ { work: { set: { v: "${ $r * 10 + $i }" } } } ]
          output: { as: .v }
          export: { as: "${ (if ($context | type) == \"array\" then $context else [] end) + [ . ] }" }
    - show: { set: { heard: "${ . }", context: "${ $context }" } }
    """
    And given after PT1S the event:
    """yaml
    { id: 1, source: /s, type: reading, data: 1 }
    """
    And given after PT2S the event:
    """yaml
    { id: 2, source: /s, type: reading, data: 2 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { heard: [10, 21], context: [10, 21] }
    """

  Scenario: correlation: later events must agree with the first
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: correlate, version: 1.0.0 }
    do:
    - hear:
        listen:
          to:
            all:
            - { with: { type: temperature }, correlate: { room: { from: .roomid } } }
            - { with: { type: humidity }, correlate: { room: { from: .roomid } } }
    """
    And given after PT1S the event:
    """yaml
    { id: 1, source: /s, type: temperature, roomid: r1, data: 20 }
    """
    And given after PT2S the event:
    """yaml
    { id: 2, source: /s, type: humidity, roomid: r2, data: 60 }
    """
    And given after PT3S the event:
    """yaml
    { id: 3, source: /s, type: humidity, roomid: r1, data: 50 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ 20, 50 ]
    """

  Scenario: correlation with what is expected
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: expect, version: 1.0.0 }
    do:
    - hear: { listen: { to: { one: { with: { type: paid }, correlate: { order: { from: .data.order, expect: "${ .id }" } } } } } }
    """
    And given the workflow input is:
    """yaml
    { id: 7 }
    """
    And given after PT1S the event:
    """yaml
    { id: 1, source: /s, type: paid, data: { order: 6 } }
    """
    And given after PT2S the event:
    """yaml
    { id: 2, source: /s, type: paid, data: { order: 7 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ { order: 7 } ]
    """

  Scenario: an event that comes before anyone listens is kept
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: unread, version: 1.0.0 }
    do:
    - pause: { wait: PT5S }
    - hear: { listen: { to: { one: { with: { type: t } } } } }
    """
    And given after PT0S the event:
    """yaml
    { id: 1, source: /s, type: t, data: early }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ early ]
    """

  Scenario: listen within a timeout
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: listen-timeout, version: 1.0.0 }
    do:
    - guard:
        try: [ { hear: { timeout: { after: PT0.1S }, listen: { to: { one: { with: { type: never } } } } } } ]
        catch: { errors: { with: { status: 408 } }, do: [ { ok: { set: { nobody: true } } } ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { nobody: true }
    """
