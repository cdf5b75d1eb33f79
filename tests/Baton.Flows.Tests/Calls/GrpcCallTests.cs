using Baton.Flows.Hosting;
using Baton.Flows.Interpret;
using Baton.Flows.Tests.Support;
using Baton.Jq;

namespace Baton.Flows.Tests.Calls;

public sealed class GrpcCallTests : IAsyncLifetime
{
    private static readonly FlowPolicy Policy = FlowPolicy.Default with { FileRoot = Path.Combine(AppContext.BaseDirectory, "Protos") };

    private ShopServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await ShopServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private RunResult Call(string method, string arguments = "{}", FlowPolicy? policy = null, string service = "", string proto = "file:shop.proto") => Simulated.Run(new RunRequest(
        $$"""
        document: { dsl: 1.0.3, namespace: tests, name: grpc, version: 1.0.0 }
        do:
        - go:
            call: grpc
            with:
              proto: { endpoint: '{{proto}}' }
              service: { name: tests.shop.Shop, host: 127.0.0.1, port: {{_server.Port}} {{service}} }
              method: {{method}}
              arguments: {{arguments}}
        """, JqValue.FromObject([])), new FlowHost { Policy = policy ?? Policy });

    /// <summary>What the generated code of the other side understood, and what it sends back, are what was given.</summary>
    [Fact]
    public void Every_kind_of_field_goes_there_and_back()
    {
        const string Given = """
            {"aDouble":1.5,"aFloat":0.1,"anInt32":-7,"anInt64":"9007199254740993","aUint32":4294967295,"aUint64":"18446744073709551615","aSint32":-3,"aSint64":"-4",
             "aFixed32":5,"aFixed64":"6","aSfixed32":-7,"aSfixed64":"-8","aBool":true,"aString":"Grüße","someBytes":"AAH/","color":"COLOR_RED",
             "price":{"currency":"EUR","cents":"250"},"numbers":[1,0,-1],"words":["a",""],"prices":[{"currency":"","cents":"1"}],"counts":{"x":1,"y":0},
             "byNumber":{"3":{"currency":"USD","cents":"0"}},"maybe":0,"text":"chosen","at":"2026-01-02T03:04:05.500Z","lasts":"90.250s",
             "free":{"list":[1,null,"x"],"deep":{"yes":true}},"wrapped":42,"any":{"@type":"type.googleapis.com/tests.shop.Money","currency":"GBP","cents":"9"}}
            """;
        var result = Call("Echo", Given);
        Assert.True(result.Status == FlowStatus.Completed, result.Error?.Detail);
        var given = JqValue.Parse(Given);
        var echo = result.Output["echo"];
        Assert.Equal(given.EnumerateObject().Select(p => $"{p.Key}={p.Value.ToJson()}"), echo.EnumerateObject().Select(p => $"{p.Key}={p.Value.ToJson()}"));
        var understood = JqValue.Parse(result.Output["json"].GetString());
        Assert.Equal("9007199254740993", understood["anInt64"].GetString());
        Assert.Equal("GBP", understood["any"]["currency"].GetString());
        Assert.Equal("""[1,0,-1]""", understood["numbers"].ToJson());
    }

    [Fact]
    public void What_was_not_sent_has_its_default_where_there_is_no_presence()
    {
        var echo = Call("Echo", "{ a_string: x, inner: { an_int32: 5 } }").Output["echo"];
        Assert.Equal("x", echo["aString"].GetString());
        Assert.Equal(("0", 0, "COLOR_NONE", "[]", "{}"), (echo["anInt64"].GetString(), (int)echo["anInt32"].GetDouble(), echo["color"].GetString(), echo["numbers"].ToJson(), echo["counts"].ToJson()));
        Assert.False(echo.TryGetField("price", out _) || echo.TryGetField("maybe", out _) || echo.TryGetField("text", out _));
        Assert.Equal(5, echo["inner"]["anInt32"].GetDouble());
    }

    [Theory]
    [InlineData("Count", "{ to: 3 }", """[{"number":1},{"number":2},{"number":3}]""")]
    [InlineData("Collect", "{ to: 3 }", """{"number":3}""")]
    [InlineData("Chat", "{ to: 3 }", """[{"number":3},{"number":-3}]""")]
    public void Streams(string method, string arguments, string output) => Assert.Equal(output, Call(method, arguments).Output.ToJson());

    [Theory]
    [InlineData(16, "authentication", 401)]
    [InlineData(7, "authorization", 403)]
    [InlineData(4, "timeout", 408)]
    [InlineData(3, "communication", 400)]
    [InlineData(5, "communication", 404)]
    [InlineData(6, "communication", 409)]
    [InlineData(8, "communication", 429)]
    [InlineData(12, "communication", 501)]
    [InlineData(13, "communication", 500)]
    [InlineData(14, "communication", 503)]
    public void A_status_becomes_a_standard_error(int code, string type, int status)
    {
        var error = Call("Fail", $"{{ code: {code} }}").Error!;
        Assert.EndsWith("/" + type, error.Type, StringComparison.Ordinal);
        Assert.Equal((status, "/do/0/go"), (error.Status, error.Instance));
        Assert.Contains("as asked", error.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Nothing", "{}", "configuration", "it has Echo, Count")]
    [InlineData("Echo", "{ nothing: 1 }", "validation", "has no field 'nothing'")]
    [InlineData("Echo", "{ anInt32: 1.5 }", "validation", "Everything.anInt32 is 1.5")]
    [InlineData("Echo", "{ numbers: [1, x] }", "validation", "Everything.numbers[1]")]
    [InlineData("Echo", "{ text: a, amount: {} }", "validation", "oneof 'choice'")]
    [InlineData("Echo", "{ color: BLUE }", "validation", "the values are COLOR_NONE, COLOR_RED")]
    public void Wrong_arguments_are_named(string method, string arguments, string type, string detail)
    {
        var error = Call(method, arguments).Error!;
        Assert.EndsWith("/" + type, error.Type, StringComparison.Ordinal);
        Assert.Contains(detail, error.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Authentication_and_the_idempotency_key_are_metadata()
    {
        var caller = Call("WhoAmI", service: ", authentication: { bearer: { token: t0ken } }").Output;
        Assert.Equal("Bearer t0ken", caller["authorization"].GetString());
        Assert.Equal(32, caller["idempotencyKey"].GetString().Length);
    }

    [Fact]
    public void The_egress_policy_holds_for_the_connection()
    {
        var error = Call("WhoAmI", policy: Policy with { AllowEgress = (_, _) => false }).Error!;
        Assert.Equal(403, error.Status);
        Assert.Contains("egress policy", error.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void A_service_that_never_answers_times_out() =>
        Assert.Equal(408, Call("Fail", "{ silent: true }", Policy with { CallTimeout = TimeSpan.FromMilliseconds(200) }).Error!.Status);

    [Fact]
    public void A_stream_without_end_is_cut_off() =>
        Assert.Contains("larger than", Call("Count", "{ to: 1000000 }", Policy with { MaxResponseBytes = 10_000 }).Error!.Detail, StringComparison.Ordinal);

    [Theory]
    [InlineData("file:missing.proto", 404)]
    [InlineData("file:../secret.proto", 403)]
    public void A_proto_that_may_not_be_read_faults(string proto, int status) => Assert.Equal(status, Call("Echo", proto: proto).Error!.Status);
}
