using System.Text;
using Baton.Flows.Calls;
using Baton.Flows.Calls.AsyncApi;
using Baton.Flows.Hosting;
using Baton.Flows.Interpret;
using Baton.Flows.Tests.Support;
using Baton.Flows.Validate;
using Baton.Jq;
using NATS.Client.Core;

namespace Baton.Flows.Tests.Calls;

public sealed class AsyncApiCallTests(Brokers brokers, DurableFixture durable) : IClassFixture<Brokers>, IClassFixture<DurableFixture>
{
    private const string Basic = "authentication: { basic: { username: ann, password: s3cret } }";

    private static Task Never { get; } = new TaskCompletionSource().Task;

    private FlowHost Host(Func<string, System.Net.IPAddress, bool>? egress = null) =>
        new() { Policy = FlowPolicy.Default with { FileRoot = brokers.Folder, AllowEgress = egress ?? FlowPolicy.Default.AllowEgress } };

    private static RunRequest Request(string with, string document = "v3.yaml", string more = "") => new(
        $$"""
        document: { dsl: 1.0.3, namespace: tests, name: asyncapi, version: 1.0.0 }
        do:
        - go:
            call: asyncapi
            with: { document: { endpoint: 'file:{{document}}' }, {{with}} }
            {{more}}
        """, JqValue.FromObject([new("id", 7)]));

    private RunResult Run(string with, string document = "v3.yaml", FlowHost? host = null, string more = "") => Simulated.Run(Request(with, document, more), host ?? Host());

    private static string Output(RunResult result)
    {
        Assert.True(result.Status == FlowStatus.Completed, result.Error?.Detail);
        return result.Output.ToJson();
    }

    [Fact]
    public async Task Nats_publishes_with_headers_and_an_id_by_which_it_can_be_recognized()
    {
        await using var heard = await brokers.Nats.SubscribeCoreAsync<byte[]>("orders.created.*");
        await brokers.Nats.PingAsync();
        Output(Run($$"""operation: orderCreated, message: { payload: { id: "${ .id }", name: Grüße }, headers: { trace: t1 } }, {{Basic}}"""));
        var message = await heard.Msgs.ReadAsync();
        Assert.Equal(("orders.created.7", """{"id":7,"name":"Grüße"}""", "t1"), (message.Subject, Encoding.UTF8.GetString(message.Data!), message.Headers!["trace"].ToString()));
        Assert.Equal(32, message.Headers["Nats-Msg-Id"].ToString().Length);
    }

    [Fact]
    public async Task Nats_subscribes_with_a_filter_and_an_amount()
    {
        var run = Task.Run(() => Run($$"""operation: orderCreated, subscription: { filter: "${ .payload.n > 1 }", consume: { amount: 2 } }, {{Basic}}"""));
        await brokers.NatsListenerAsync("orders.created.*", run);
        for (var n = 1; n <= 4; n++)
        {
            await brokers.Nats.PublishAsync($"orders.created.{n}", Encoding.UTF8.GetBytes($$"""{"n":{{n}}}"""), new NatsHeaders { ["trace"] = $"t{n}" });
        }
        Assert.Equal("""[{"payload":{"n":2},"headers":{"trace":"t2"},"correlationId":"t2"},{"payload":{"n":3},"headers":{"trace":"t3"},"correlationId":"t3"}]""", Output(await run));
    }

    [Theory]
    [InlineData("until: '${ any(.[]; .payload == \"stop\") }'", """["a","b","stop"]""")]
    [InlineData("while: '${ .[-1].payload != \"b\" }'", """["a","b"]""")]
    [InlineData("for: PT0.8S, while: '${ true }'", """["a","b","stop"]""")]
    public async Task Nats_subscribes_as_long_as_it_is_told(string consume, string payloads)
    {
        var run = Task.Run(() => Run($$"""channel: old.orders, subscription: { consume: { {{consume}} } }, {{Basic}}""", "v2.yaml", more: "output: { as: '${ [.[].payload] }' }"));
        await brokers.NatsListenerAsync("old.orders", run);
        foreach (var payload in new[] { "a", "b", "stop" })
        {
            await brokers.Nats.PublishAsync("old.orders", Encoding.UTF8.GetBytes(payload));
        }
        Assert.Equal(payloads, Output(await run));
    }

    [Fact]
    public async Task Durably_each_message_goes_through_foreach()
    {
        var run = durable.RunAsync(Request($$"""operation: hearOrder, subscription: { consume: { amount: 3 }, foreach: { item: m, at: i, do: [ { x: { set: { n: "${ $m.payload * 10 + $i }" } } } ] } }, {{Basic}}""", "v2.yaml"), host: Host());
        await brokers.NatsListenerAsync("old.orders", run);
        for (var n = 1; n <= 3; n++)
        {
            await brokers.Nats.PublishAsync("old.orders", Encoding.UTF8.GetBytes($"{n}"));
        }
        Assert.Equal("""[{"n":10},{"n":21},{"n":32}]""", Output(await run));
    }

    [Theory]
    [InlineData("mqtt", "")]
    [InlineData("mqtt5", "trace=t1")]
    public void Mqtt_publishes_with_the_quality_of_its_binding(string server, string properties)
    {
        Output(Run($$"""operation: topic, server: { name: {{server}} }, message: { payload: { id: {{server}} }, headers: { trace: t1 } }, {{Basic}}"""));
        var message = Assert.Single(brokers.Mqtt, m => m.Topic == $"orders/{server}");
        Assert.Equal((2, $$"""{"id":"{{server}}"}"""), (message.Quality, message.Body));
        Assert.EndsWith(properties, message.Properties, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mqtt")]
    [InlineData("mqtt5")]
    public async Task Mqtt_subscribes_and_leaves_no_session_behind(string server)
    {
        var run = Task.Run(() => Run($$"""operation: topic, protocol: {{server}}, subscription: { consume: { amount: 2 } }, {{Basic}}""", more: "output: { as: '${ [.[].payload] }' }"));
        await brokers.MqttListenerAsync(run);
        await brokers.MqttPublishAsync("orders/a", "1");
        await brokers.MqttPublishAsync("orders/b", "2");
        Assert.Equal("[1,2]", Output(await run));
        await brokers.MqttSessionEndsAsync("baton-");
    }

    [Fact]
    public async Task Mqtt_keeps_what_comes_while_no_worker_lives()
    {
        using var egress = new EgressHttp(Host());
        var transport = new MqttTransport(egress);
        var target = new AsyncApiTarget(brokers.MqttAddress, "mqtt", "kept/topic", JqValue.Null, null)
        {
            Client = "baton-kept",
            Authorization = new("Basic", Convert.ToBase64String("ann:s3cret"u8)),
        };
        var first = await transport.OpenAsync(target, TestContext.Current.CancellationToken);
        await brokers.MqttListenerAsync(Never);
        await first.CloseAsync(finished: false);
        await brokers.MqttPublishAsync("kept/topic", "1");
        var second = await transport.OpenAsync(target, TestContext.Current.CancellationToken);
        await brokers.MqttListenerAsync(Never);
        Assert.Equal(1, (await second.ReadAsync(TestContext.Current.CancellationToken))["payload"].GetDouble());
        await second.CloseAsync(finished: true);
        await brokers.MqttSessionEndsAsync("baton-kept");
    }

    [Fact]
    public void Mqtt_credentials_that_are_refused_are_an_authentication_error()
    {
        var error = Run("operation: topic, server: { name: mqtt }, message: { payload: { id: 1 } }, authentication: { basic: { username: ann, password: wrong } }").Error!;
        Assert.Equal((401, true), (error.Status, error.Type.EndsWith("/authentication", StringComparison.Ordinal)));
    }

    [Fact]
    public void Web_sockets_take_and_give_messages()
    {
        Output(Run("operation: socket, message: { payload: { id: 7 } }, authentication: { bearer: { token: t0ken } }"));
        Assert.Contains(("WS", "/base/socket", "Bearer t0ken", """{"id":7}"""), brokers.Web);
        Assert.Equal("""[{"n":1},{"n":2}]""", Output(Run("operation: socket, subscription: { consume: { amount: 2 } }", more: "output: { as: '${ [.[].payload] }' }")));
    }

    [Fact]
    public void Http_publishes_with_the_method_of_its_binding_and_the_variables_of_its_server()
    {
        Output(Run("operation: putOrder, server: { name: web, variables: { root: base } }, message: { payload: { id: 8 }, headers: { X-Trace: t1 } }, authentication: { bearer: { token: t0ken } }"));
        Assert.Contains(("PUT", "/base/orders", "Bearer t0ken", """t1 {"id":8} 32"""), brokers.Web);
    }

    [Theory]
    [InlineData("events", 3, """[{"n":1},{"n":2},"three"]""")]
    [InlineData("lines", 2, """[{"n":1},{"n":2}]""")]
    public void Http_subscribes_to_streams(string operation, int amount, string payloads) => Assert.Equal(payloads,
        Output(Run($$"""operation: {{operation}}, server: { name: web, variables: { root: base } }, subscription: { consume: { amount: {{amount}} } }""", more: "output: { as: '${ [.[].payload] }' }")));

    [Theory]
    [InlineData("operation: lines, server: { name: web, variables: { root: base } }, subscription: { consume: { amount: 3 } }", "communication", "closed the stream")]
    [InlineData("operation: plain, server: { name: web, variables: { root: base } }, subscription: { consume: { amount: 1 } }", "configuration", "not with a stream")]
    [InlineData("operation: nothing, message: { payload: { id: 1 } }", "configuration", "no operation 'nothing'")]
    [InlineData("operation: queue, message: { payload: { id: 1 } }", "configuration", "not over 'amqp'")]
    [InlineData("operation: orderCreated, message: { payload: { other: 1 } }", "configuration", "needs 'id'")]
    [InlineData("operation: topic, server: { name: nowhere }, message: { payload: { id: 1 } }", "configuration", "its servers are nats, mqtt")]
    public void What_does_not_fit_the_document_faults(string with, string type, string detail)
    {
        var error = Run(with).Error!;
        Assert.EndsWith("/" + type, error.Type, StringComparison.Ordinal);
        Assert.Contains(detail, error.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void A_broker_that_is_not_there_is_a_communication_error() =>
        Assert.Equal(503, Run("channel: old.orders, server: { name: closed }, message: { payload: { a: 1 } }", "v2.yaml").Error!.Status);

    [Theory]
    [InlineData("operation: orderCreated, message: { payload: { id: 1 } }")]
    [InlineData("operation: topic, server: { name: mqtt }, message: { payload: { id: 1 } }")]
    [InlineData("operation: socket, message: { payload: { id: 1 } }")]
    [InlineData("operation: events, subscription: { consume: { amount: 1 } }")]
    public void The_egress_policy_holds_for_every_protocol(string with)
    {
        var error = Run(with, host: Host((_, _) => false)).Error!;
        Assert.True(error.Status == 403, error.Detail);
    }

    [Fact]
    public void A_protocol_that_is_not_spoken_is_a_warning_before_the_run() =>
        Assert.Contains(FlowValidator.Validate(Request("operation: queue, protocol: amqp, message: { payload: { id: 1 } }").Definition).Problems, p => p is { Code: "BT3141", Severity: FlowSeverity.Warning });
}
