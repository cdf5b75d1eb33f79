using System.Diagnostics;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Baton.Server.Control;
using Baton.Server.Telemetry.Otlp;
using Google.Protobuf;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Baton.Server.Tests.Telemetry;

/// <summary>OTLP out to a backend, and in from the SDK of another service.</summary>
public sealed class OtlpTests
{
    private const string Json = """
        {"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"warehouse"}},{"key":"zone","value":{"stringValue":"b"}}]},
          "scopeSpans":[{"scope":{"name":"pick"},"spans":[
            {"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174","parentSpanId":"EEE19B7EC3C1B173","name":"pick up","kind":2,
             "startTimeUnixNano":"1544712660000000000","endTimeUnixNano":"1544712661000000000","status":{"code":2,"message":"shelf empty"},
             "attributes":[{"key":"items","value":{"intValue":"3"}},{"key":"ok","value":{"boolValue":false}},{"key":"names","value":{"arrayValue":{"values":[{"stringValue":"x"}]}}}],
             "events":[{"timeUnixNano":"1544712660500000000","name":"looked","attributes":[{"key":"shelf","value":{"doubleValue":4.5}}]}],
             "links":[{"traceId":"5b8efff798038103d269b633813fc60d","spanId":"eee19b7ec3c1b170"}]},
            {"traceId":"","spanId":"EEE19B7EC3C1B174","name":"without a trace","startTimeUnixNano":"1","endTimeUnixNano":"2"}]}]}]}
        """;

    [Theory]
    [InlineData(OtlpExportProtocol.Grpc)]
    [InlineData(OtlpExportProtocol.HttpProtobuf)]
    public async Task Spans_of_another_service_are_in_the_trace(OtlpExportProtocol protocol)
    {
        await using var server = await TestServer.StartAsync(("Otlp:ReceiverPort", "0"));
        var addresses = server.Server.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.ToList();
        var name = $"warehouse-{Guid.NewGuid():N}";
        using var source = new ActivitySource(name);
        ActivityTraceId trace;
        using (var tracing = Sdk.CreateTracerProviderBuilder().AddSource(name).ConfigureResource(resource => resource.AddService("warehouse"))
            .AddOtlpExporter(otlp =>
            {
                otlp.Protocol = protocol;
                otlp.Endpoint = new Uri(protocol == OtlpExportProtocol.Grpc ? addresses[1] : $"{addresses[0]}/v1/traces");
                otlp.Headers = $"Authorization=Bearer {ControlFile.Read(server.DataFolder).Token}";
            }).Build())
        {
            using var outer = source.StartActivity("deliver", ActivityKind.Server)!;
            trace = outer.TraceId;
            using var inner = source.StartActivity("load")!;
            inner.SetTag("parcels", new[] { 1, 2 }).SetStatus(ActivityStatusCode.Error, "too heavy").AddException(new InvalidOperationException("heavy"));
        }

        var spans = (await server.Http.GetFromJsonAsync<JsonElement>($"api/v1/traces/{trace}")).GetProperty("spans").EnumerateArray().ToList();

        Assert.Equal(["deliver", "load"], spans.Select(span => span.Text("name")));
        Assert.Equal(("warehouse", "server", spans[0].Text("spanId")), (spans[0].Text("service"), spans[0].Text("kind"), spans[1].Text("parentId")));
        Assert.Equal(("error", "too heavy", "[1,2]"), (spans[1].Text("status"), spans[1].Text("message"), spans[1].GetProperty("attributes").GetProperty("parcels").ToString()));
        Assert.Equal("exception", spans[1].GetProperty("events")[0].Text("name"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_JSON_form_is_taken_and_what_cannot_be_kept_is_told(bool compressed)
    {
        await using var server = await TestServer.StartAsync();

        using var response = await PostAsync(server.Http, Encoding.UTF8.GetBytes(Json), "application/json", compressed);

        Assert.Equal("""{"partialSuccess":{"rejectedSpans":"1","errorMessage":"spans need a trace id, a span id, a name, and an end not before their start"}}""", await response.Content.ReadAsStringAsync());
        var trace = await server.Http.GetStringAsync("api/v1/traces/5b8efff798038103d269b633813fc60c");
        Assert.Equal(
            """{"traceId":"5b8efff798038103d269b633813fc60c","startedAt":"2018-12-13T14:51:00.000000Z","durationMs":1000,"services":["warehouse"],"spans":[{"spanId":"eee19b7ec3c1b174","parentId":"eee19b7ec3c1b173","name":"pick up","kind":"server","service":"warehouse","scope":"pick","startedAt":"2018-12-13T14:51:00.000000Z","durationMs":1000,"status":"error","message":"shelf empty","attributes":{"items":3,"ok":false,"names":["x"],"zone":"b"},"events":[{"name":"looked","time":"2018-12-13T14:51:00.500000Z","attributes":{"shelf":4.5}}],"links":[{"traceId":"5b8efff798038103d269b633813fc60d","spanId":"eee19b7ec3c1b170"}]}]}""",
            trace);
    }

    [Theory]
    [InlineData("application/json", "no json")]
    [InlineData("application/json", "[]")]
    [InlineData("application/json", """{"resourceSpans":[1]}""")]
    [InlineData("application/json", """{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":{},"kind":"x"}]}]}]}""")]
    [InlineData("application/json", """{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a","startTimeUnixNano":"-1e9"}]}]}]}""")]
    [InlineData("application/x-protobuf", "\u000a\u007fshort")]
    [InlineData("text/plain", "x")]
    public async Task Anything_else_is_refused(string type, string body)
    {
        await using var server = await TestServer.StartAsync();

        using var response = await PostAsync(server.Http, Encoding.UTF8.GetBytes(body), type);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal("BT1006", (await response.Content.ReadFromJsonAsync<JsonElement>()).Text("code"));
    }

    [Fact]
    public async Task Spans_are_taken_from_those_with_the_permission_only_and_in_bounds()
    {
        await using var server = await TestServer.StartAsync(("Http:MaxRequestBytes", "100000"));
        using var nobody = server.As(null);

        using var refused = await PostAsync(nobody, Encoding.UTF8.GetBytes(Json), "application/json");
        using var bomb = await PostAsync(server.Http, new byte[10_000_000], "application/x-protobuf", compressed: true);

        Assert.Equal((HttpStatusCode.Unauthorized, HttpStatusCode.RequestEntityTooLarge), (refused.StatusCode, bomb.StatusCode));
    }

    [Fact]
    public void No_bytes_make_the_reader_fail_otherwise_than_told()
    {
        var random = new Random(7);
        for (var n = 0; n < 20_000; n++)
        {
            var bytes = new byte[random.Next(1, 60)];
            random.NextBytes(bytes);
            bytes[0] = 0x0a;
            try
            {
                OtlpProtobuf.Read(bytes);
            }
            catch (Exception error) when (error is InvalidProtocolBufferException or FormatException)
            {
            }
        }
    }

    [Theory]
    [InlineData("Grpc")]
    [InlineData("Http")]
    public async Task Everything_goes_to_the_backend_that_is_named(string protocol)
    {
        await using var collector = await OtlpCollector.StartAsync();
        using var caller = new Activity("caller").SetIdFormat(ActivityIdFormat.W3C);
        caller.ActivityTraceFlags = ActivityTraceFlags.Recorded;
        await using (var server = await TestServer.StartAsync(
            ("Otlp:Endpoint", (protocol == "Grpc" ? collector.Grpc : collector.Http).ToString()), ("Otlp:Protocol", protocol), ("Otlp:Headers", "x-tenant=ops")))
        {
            caller.Start();
            await server.Http.GetAsync("api/v1/processes");
            caller.Stop();
        }

        var span = Assert.Single(collector.Spans, span => span.TraceId == caller.TraceId.ToHexString() && span.Kind == ActivityKind.Server);
        Assert.Equal("baton", span.Service);
        Assert.Contains("/api/v1/processes", span.Attributes, StringComparison.Ordinal);
        Assert.Contains(collector.Others, other => other.Path.Contains("metrics", StringComparison.Ordinal) && other.Header == "ops");
        // Strings stand in protobuf as they are.
        Assert.Contains(collector.Others, other => Encoding.UTF8.GetString(other.Body).Contains("http.server.request.duration", StringComparison.Ordinal));
    }

    private static async Task<HttpResponseMessage> PostAsync(HttpClient http, byte[] body, string type, bool compressed = false)
    {
        if (compressed)
        {
            using var memory = new MemoryStream();
            await using (var gzip = new GZipStream(memory, CompressionLevel.Fastest))
            {
                await gzip.WriteAsync(body);
            }
            body = memory.ToArray();
        }
        using var content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue(type) } };
        if (compressed)
        {
            content.Headers.ContentEncoding.Add("gzip");
        }
        return await http.PostAsync("v1/traces", content);
    }
}
