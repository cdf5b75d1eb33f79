Feature: Calls

  Scenario: functions of use, with their own schema
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: function, version: 1.0.0 }
    use:
      functions:
        greet:
          input: { schema: { document: { type: object, required: [name] } } }
          set: { greeting: "${ \"Hello \\(.name)\" }" }
    do:
    - call: { call: greet, with: { name: "${ .who }" } }
    """
    And given the workflow input is:
    """yaml
    { who: Ann }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { greeting: Hello Ann }
    """

  Scenario: arguments of a function that do not match faults
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: function-schema, version: 1.0.0 }
    use:
      functions:
        greet:
          input: { schema: { document: { type: object, required: [name] } } }
          set: { a: 1 }
    do:
    - go: { call: greet, with: { other: 1 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/validation, status: 400, instance: /use/functions/greet }
    """

  Scenario: a function by URL
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: url, version: 1.0.0 }
    do:
    - go: { call: "https://api.example.com/functions/double.yaml", with: { n: "${ .n }" } }
    """
    And given the workflow input is:
    """yaml
    { n: 4 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { twice: 8 }
    """

  Scenario: a function of a catalog
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: catalog, version: 1.0.0 }
    use: { catalogs: { ours: { endpoint: https://api.example.com/catalog } } }
    do:
    - go: { call: "triple:1.0.0@ours", with: { n: "${ .n }" } }
    """
    And given the workflow input is:
    """yaml
    { n: 4 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { thrice: 12 }
    """

  Scenario: the catalogue: template and log
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: template, version: 1.0.0 }
    do:
    - note: { call: "log:1.0.0@default", with: { message: "${ .who }", level: debug } }
    - text: { call: "template:1.0.0@default", with: { template: "Hi {{ who }}{% for n in list %} {{ n }}{% endfor %}", data: { who: Ann, list: [1, 2] } } }
    """
    And given the workflow input is:
    """yaml
    { who: Ann }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    Hi Ann 1 2
    """

  Scenario: a body, headers and a query by expression
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: http, version: 1.0.0 }
    do:
    - post:
        call: http
        with:
          method: post
          endpoint: "${ \"https://api.example.com/\" + .path }"
          headers: { X-Trace: "${ .trace }" }
          query: { a: "${ .path }", b: "2" }
          body: { n: "${ .n }" }
    """
    And given the workflow input is:
    """yaml
    { path: echo, trace: t1, n: 4 }
    """
    When the workflow is executed
    Then the workflow should complete
    And the workflow output should have a 'query' property with value:
    """yaml
    a=echo&b=2
    """
    And the workflow output should have a 'body' property with value:
    """yaml
    { n: 4 }
    """
    And the workflow output should have a 'trace' property with value:
    """yaml
    t1
    """

  Scenario: raw output is Base64
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: raw, version: 1.0.0 }
    do:
    - get: { call: http, with: { method: get, endpoint: https://api.example.com/text, output: raw } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    cGxhaW4gdGV4dA==
    """

  Scenario: text comes as a string
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: text, version: 1.0.0 }
    do:
    - get: { call: http, with: { method: get, endpoint: https://api.example.com/text } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    plain text
    """

  Scenario: a redirect is an error by default
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: redirect-error, version: 1.0.0 }
    do:
    - get: { call: http, with: { method: get, endpoint: https://api.example.com/redirect } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/communication, status: 302, instance: /do/0/get }
    """

  Scenario: a redirect is followed on request
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: redirect, version: 1.0.0 }
    do:
    - get: { call: http, with: { method: get, endpoint: https://api.example.com/redirect, redirect: true } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    plain text
    """

  Scenario: a redirect to a metadata address is refused
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: redirect-metadata, version: 1.0.0 }
    do:
    - get: { call: http, with: { method: get, endpoint: "http://api.example.com/to-metadata", redirect: true } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/authorization, status: 403, instance: /do/0/get }
    """

  Scenario: a response that never ends is cut off
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: big, version: 1.0.0 }
    do:
    - get: { call: http, with: { method: get, endpoint: https://api.example.com/endless } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/communication, status: 502, instance: /do/0/get }
    """

  Scenario: an endpoint that never answers times out
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: silent, version: 1.0.0 }
    do:
    - get: { timeout: { after: PT0.3S }, call: http, with: { method: get, endpoint: https://api.example.com/silent } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout, status: 408, instance: /do/0/get }
    """

  Scenario: a URI template with a list faults
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: template-list, version: 1.0.0 }
    do:
    - get: { call: http, with: { method: get, endpoint: "https://api.example.com/{list}" } }
    """
    And given the workflow input is:
    """yaml
    { list: [1] }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/expression, status: 400, instance: /do/0/get }
    """

  Scenario: basic authentication from a secret
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: basic, version: 1.0.0 }
    use: { secrets: [login] }
    do:
    - get: { call: http, with: { method: get, endpoint: { uri: https://httpbin.org/basic-auth/ann/s3cret, authentication: { basic: { use: login } } } } }
    """
    And given the secret 'login' is:
    """yaml
    { username: ann, password: s3cret }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { authenticated: true, user: ann }
    """

  Scenario: bearer authentication from a secret in an expression, hidden when echoed
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: bearer, version: 1.0.0 }
    use: { secrets: [token], authentications: { api: { bearer: { token: "${ $secrets.token }" } } } }
    do:
    - get: { call: http, with: { method: get, endpoint: { uri: https://api.example.com/whoami/length, authentication: { use: api } } }, output: { as: { sent: "${ .length }", hidden: '${ .authorization | contains("t0ken") | not }' } } }
    """
    And given the secret 'token' is:
    """yaml
    t0ken
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { sent: 12, hidden: true }
    """

  Scenario: digest authentication
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: digest, version: 1.0.0 }
    do:
    - get: { call: http, with: { method: get, endpoint: { uri: https://api.example.com/digest, authentication: { digest: { username: ann, password: s3cret } } } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { digest: true }
    """

  Scenario: oauth2 with client credentials, the token cached
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: oauth2, version: 1.0.0 }
    use: { authentications: { api: { oauth2: { authority: https://auth.example.com, endpoints: { token: /token }, grant: client_credentials, client: { id: app, secret: s3cret }, scopes: [read, write] } } } }
    do:
    - one: { call: http, with: { method: get, endpoint: { uri: https://api.example.com/whoami, authentication: { use: api } } } }
    - two: { call: http, with: { method: get, endpoint: { uri: https://api.example.com/whoami, authentication: { use: api } } }, output: { as: "${ { first: $input.authorization, second: .authorization } }" } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { first: Bearer token-1-read write, second: Bearer token-1-read write }
    """

  Scenario: oidc discovers its token endpoint
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: oidc, version: 1.0.0 }
    do:
    - one: { call: http, with: { method: get, endpoint: { uri: https://api.example.com/whoami, authentication: { oidc: { authority: https://oidc.example.com, grant: password, client: { id: app, secret: s3cret, authentication: client_secret_basic }, username: ann, password: pw } } } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { authorization: Bearer oidc-ann }
    """

  Scenario: a secret that does not exist faults before any task
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: no-secret, version: 1.0.0 }
    use: { secrets: [nothing] }
    do:
    - never: { set: { a: 1 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/authorization, status: 403 }
    """

  Scenario: openapi 3 with a body, a header and errors
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: openapi, version: 1.0.0 }
    do:
    - create:
        call: openapi
        with:
          document: { endpoint: https://api.example.com/openapi.yaml }
          operationId: createOrder
          parameters: { shop: s1, X-Trace: t2, item: book, count: 2 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { shop: s1, trace: t2, body: { item: book, count: 2 } }
    """

  Scenario: openapi: an unknown operation
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: openapi-unknown, version: 1.0.0 }
    do:
    - go: { call: openapi, with: { document: { endpoint: https://api.example.com/openapi.yaml }, operationId: nothing } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration, status: 400, instance: /do/0/go }
    """

  Scenario: openapi: a missing parameter
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: openapi-missing, version: 1.0.0 }
    do:
    - go: { call: openapi, with: { document: { endpoint: https://api.example.com/openapi.yaml }, operationId: createOrder, parameters: { item: x } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/validation, status: 400, instance: /do/0/go }
    """

  Scenario: a2a: a message to an agent by its card
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: a2a, version: 1.0.0 }
    do:
    - ask: { call: a2a, with: { method: message/send, agentCard: { endpoint: https://api.example.com/.well-known/agent-card.json }, parameters: { message: { parts: [ { kind: text, text: "${ .q }" } ] } } } }
    """
    And given the workflow input is:
    """yaml
    { q: hello }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { method: message/send, text: hello, role: user }
    """

  Scenario: a2a: an error of the agent
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: a2a-error, version: 1.0.0 }
    do:
    - ask: { call: a2a, with: { method: tasks/get, server: https://api.example.com/a2a, parameters: { id: none } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/runtime, status: 500, instance: /do/0/ask }
    """

  Scenario: mcp over HTTP: a tool, with authentication
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: mcp, version: 1.0.0 }
    do:
    - ask:
        call: mcp
        with:
          method: tools/call
          parameters: { name: echo, arguments: { text: "${ .q }" } }
          transport: { http: { endpoint: { uri: https://api.example.com/mcp, authentication: { bearer: { token: t0ken } } } } }
          client: { name: tests, version: 1.0.0 }
        output: { as: ".content[0].text" }
    """
    And given the workflow input is:
    """yaml
    { q: hello }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    hello for Bearer t0ken
    """

  Scenario: mcp over HTTP: all pages of a list
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: mcp-list, version: 1.0.0 }
    do:
    - ask:
        call: mcp
        with: { method: tools/list, transport: { http: { endpoint: https://api.example.com/mcp } } }
        output: { as: "${ [ .tools[].name ] }" }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ echo, fail ]
    """

  Scenario: mcp: a tool that fails
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: mcp-fails, version: 1.0.0 }
    do:
    - ask: { call: mcp, with: { method: tools/call, parameters: { name: fail }, transport: { http: { endpoint: https://api.example.com/mcp } } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/runtime, status: 500, instance: /do/0/ask, detail: "The MCP tool failed: out of paper" }
    """

  Scenario: mcp over stdio
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: mcp-stdio, version: 1.0.0 }
    do:
    - ask:
        call: mcp
        with:
          method: resources/read
          parameters: { uri: "test://one" }
          transport:
            stdio:
              command: python3
              environment: { WHO: ann }
              arguments:
              - -c
              - |
                import json, os, sys
                for line in sys.stdin:
                    request = json.loads(line)
                    if "id" not in request:
                        continue
                    if request["method"] == "initialize":
                        result = {"protocolVersion": request["params"]["protocolVersion"], "capabilities": {"resources": {}}, "serverInfo": {"name": "t", "version": "1"}}
                    else:
                        result = {"contents": [{"uri": request["params"]["uri"], "text": os.environ["WHO"]}]}
                    print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}), flush=True)
        output: { as: ".contents[0].text" }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    ann
    """

  Scenario: a proto file that flows may not read faults
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: grpc, version: 1.0.0 }
    do:
    - greet: { call: grpc, with: { proto: { endpoint: "file://greet.proto" }, service: { name: Greeter, host: localhost }, method: SayHello } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/authorization, status: 403, instance: /do/0/greet }
    """

  Scenario: oauth2 with authorization_code
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: grant, version: 1.0.0 }
    do:
    - one: { call: http, with: { method: get, endpoint: { uri: https://api.example.com/whoami, authentication: { oauth2: { authority: https://auth.example.com, endpoints: { token: /form-token }, grant: authorization_code, client: { id: app, secret: s3cret }, subject: { token: c0de, type: code } } } } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { authorization: 'Bearer client_id=app&client_secret=s3cret&code=c0de&grant_type=authorization_code' }
    """

  Scenario: oauth2 with refresh_token
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: grant, version: 1.0.0 }
    do:
    - one: { call: http, with: { method: get, endpoint: { uri: https://api.example.com/whoami, authentication: { oauth2: { authority: https://auth.example.com, endpoints: { token: /form-token }, grant: refresh_token, client: { id: app, secret: s3cret }, subject: { token: r3fresh, type: refresh_token } } } } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { authorization: 'Bearer client_id=app&client_secret=s3cret&grant_type=refresh_token&refresh_token=r3fresh' }
    """

  Scenario: oauth2 with token exchange
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: grant, version: 1.0.0 }
    do:
    - one: { call: http, with: { method: get, endpoint: { uri: https://api.example.com/whoami, authentication: { oauth2: { authority: https://auth.example.com, endpoints: { token: /form-token }, grant: 'urn:ietf:params:oauth:grant-type:token-exchange', client: { id: app, secret: s3cret }, subject: { token: s, type: st }, actor: { token: a, type: at } } } } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { authorization: 'Bearer actor_token=a&actor_token_type=at&client_id=app&client_secret=s3cret&grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token=s&subject_token_type=st' }
    """

  Scenario: oauth2 with a client that signs with its secret
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: grant, version: 1.0.0 }
    do:
    - one: { call: http, with: { method: get, endpoint: { uri: https://api.example.com/whoami, authentication: { oauth2: { authority: https://auth.example.com, endpoints: { token: /form-token }, grant: client_credentials, client: { id: app, secret: s3cret, authentication: client_secret_jwt } } } } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { authorization: 'Bearer client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_id=app&grant_type=client_credentials' }
    """

  Scenario: oauth2 with a client with a signed assertion
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: grant, version: 1.0.0 }
    do:
    - one: { call: http, with: { method: get, endpoint: { uri: https://api.example.com/whoami, authentication: { oauth2: { authority: https://auth.example.com, endpoints: { token: /form-token }, grant: client_credentials, client: { id: app, assertion: signed, authentication: private_key_jwt } } } } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { authorization: 'Bearer client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_id=app&grant_type=client_credentials' }
    """

  Scenario: a2a: a stream is the list of its results
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: tests, name: a2a-stream, version: 1.0.0 }
    do:
    - ask: { call: a2a, with: { method: message/stream, agentCard: { endpoint: https://api.example.com/.well-known/agent-card.json }, parameters: { message: { parts: [ { kind: text, text: hello } ] } } }, output: { as: "${ [.[].status.state] }" } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [working, completed]
    """
