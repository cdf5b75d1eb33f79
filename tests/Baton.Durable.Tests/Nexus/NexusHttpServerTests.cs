using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Google.Protobuf;
using NexusRpc;
using NexusRpc.Handlers;
using Temporalio.Api.Enums.V1;
using Temporalio.Client;
using Temporalio.Exceptions;
using Temporalio.Nexus;
using Xunit;

namespace Baton.Durable.Tests.Nexus;

/// <summary>Nexus over HTTP, called from outside: operations of workers here, and how operations elsewhere ended.</summary>
public sealed class NexusHttpServerTests : NexusHost
{
    private readonly HttpClient http = new();

    protected override DurableServerOptions Options => new() { HttpPort = 0 };

    [Fact]
    public async Task An_operation_that_answers_at_once_gives_its_result_and_links()
    {
        OperationStartContext? seen = null;
        await RunWorkerAsync(new((context, name) =>
        {
            seen = context;
            foreach (var link in context.InboundLinks)
            {
                context.OutboundLinks.Add(link);
            }

            return Task.FromResult(OperationStartResult.SyncResult($"Hello, {name}"));
        }), async () =>
        {
            var response = await StartAsync(await EndpointIdAsync(), "\"Ada\"", ("Nexus-Link", "<http://test/>; type=\"test\""), ("Nexus-Request-Id", "r-1"), ("Test-Header", "t"));

            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            Assert.Equal("\"Hello, Ada\"", await response.Content.ReadAsStringAsync(Cancel));
            Assert.Equal("application/json", response.Content.Headers.ContentType!.ToString());
            Assert.Equal("<http://test/>; type=\"test\"", Assert.Single(response.Headers.GetValues("Nexus-Link")));
            Assert.Equal("r-1", seen!.RequestId);
            Assert.Equal("t", seen.Headers!["test-header"]);
        });
    }

    [Fact]
    public async Task An_operation_that_takes_its_time_gives_a_token_which_cancels_it()
    {
        var cancelled = new TaskCompletionSource<string>();
        await RunWorkerAsync(
            new((_, _) => Task.FromResult(OperationStartResult.AsyncResult<string>("tok")), context =>
            {
                cancelled.SetResult(context.OperationToken);
                return Task.CompletedTask;
            }),
            async () =>
            {
                var endpoint = await EndpointIdAsync();
                var started = await StartAsync(endpoint, "\"Ada\"");
                Assert.Equal(HttpStatusCode.Created, started.StatusCode);
                var info = await started.Content.ReadFromJsonAsync<JsonElement>(Cancel);
                Assert.Equal(("tok", "running"), (info.GetProperty("token").GetString(), info.GetProperty("state").GetString()));

                var cancel = await http.PostAsync($"{Server.HttpAddress}/nexus/endpoints/{endpoint}/services/Greeter/Greet/cancel?token=tok", content: null, Cancel);
                Assert.Equal(HttpStatusCode.Accepted, cancel.StatusCode);
                Assert.Equal("tok", await cancelled.Task);
            });
    }

    [Fact]
    public async Task Failures_tell_whose_they_are_and_whether_to_try_again()
    {
        await RunWorkerAsync(
            new((_, name) => name switch
            {
                "unsuccessful" => throw OperationException.CreateFailed("no greeting today"),
                "bad" => throw new HandlerException(HandlerErrorType.BadRequest, "not a name"),
                _ => throw new ApplicationFailureException("down", errorType: "Down", nonRetryable: true),
            }),
            async () =>
            {
                var endpoint = await EndpointIdAsync();
                var unsuccessful = await StartAsync(endpoint, "\"unsuccessful\"");
                Assert.Equal(424, (int)unsuccessful.StatusCode);
                Assert.Equal("failed", Assert.Single(unsuccessful.Headers.GetValues("Nexus-Operation-State")));
                Assert.Equal("worker", Assert.Single(unsuccessful.Headers.GetValues("Temporal-Nexus-Failure-Source")));
                Assert.Equal("no greeting today", await MessageAsync(unsuccessful));

                var bad = await StartAsync(endpoint, "\"bad\"");
                Assert.Equal((HttpStatusCode.BadRequest, "not a name"), (bad.StatusCode, await MessageAsync(bad)));

                var down = await StartAsync(endpoint, "\"down\"");
                Assert.Equal(HttpStatusCode.InternalServerError, down.StatusCode);
                Assert.Equal("false", Assert.Single(down.Headers.GetValues("Nexus-Request-Retryable")));
            });
    }

    [Fact]
    public async Task Without_a_worker_the_request_times_out()
    {
        var response = await StartAsync(await EndpointIdAsync(), "\"Ada\"", ("Request-Timeout", "10ms"));
        Assert.Equal((520, "upstream timeout"), ((int)response.StatusCode, await MessageAsync(response)));
        Assert.False(response.Headers.Contains("Temporal-Nexus-Failure-Source"));
    }

    [Theory]
    [InlineData("/nexus/endpoints/none/services/Greeter/Greet", "", "", 404, "endpoint not found")]
    [InlineData("/namespaces/none/task-queues/q/nexus-services/Greeter/Greet", "", "", 404, "none is not found")]
    [InlineData("/namespaces/default/task-queues/q/nexus-services/Greeter/Greet", "Request-Timeout", "soon", 400, "invalid request timeout 'soon'")]
    [InlineData("/namespaces/default/task-queues/q/nexus-services/Greeter/Greet/cancel", "", "", 400, "operation token not set")]
    [InlineData("/namespaces/default/nexus/callback", "", "", 400, "invalid callback token")]
    [InlineData("/namespaces/default/nexus/callback", "Temporal-Callback-Token", "garbage", 400, "invalid callback token")]
    public async Task A_request_that_makes_no_sense_is_refused(string path, string header, string value, int status, string message)
    {
        var response = await PostAsync(Server.HttpAddress + path, "", header.Length > 0 ? [(header, value)] : []);
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Contains(message, await MessageAsync(response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_outside_operation_ends_by_its_callback()
    {
        await using var peer = await HttpPeer.StartAsync(HttpPeer.Answer(201, "{\"token\":\"outside-1\",\"state\":\"running\"}"));
        await RunWorkerAsync(handler: null, async () =>
        {
            var caller = await CallAsync(new(await OutsideAsync(peer)));
            var (url, headers) = Callback(await peer.NextAsync());
            await EventAsync(caller, EventType.NexusOperationStarted);
            Assert.StartsWith(Server.HttpAddress + "/namespaces/default/nexus/callback", url, StringComparison.Ordinal);

            var response = await PostAsync(url, "\"done outside\"", [.. headers, ("Nexus-Operation-State", "succeeded"), ("Nexus-Operation-Token", "outside-1")]);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            Assert.Equal("done outside", await caller.GetResultAsync());

            var again = await PostAsync(url, "\"twice\"", [.. headers, ("Nexus-Operation-State", "succeeded")]);
            Assert.Equal(HttpStatusCode.NotFound, again.StatusCode);
        });
    }

    [Fact]
    public async Task A_callback_may_overtake_the_answer_to_the_start_and_tell_of_a_failure()
    {
        var mayAnswer = new TaskCompletionSource();
        await using var peer = await HttpPeer.StartAsync(async context =>
        {
            await mayAnswer.Task;
            await HttpPeer.Answer(201, "{\"token\":\"late\",\"state\":\"running\"}")(context);
        });
        await RunWorkerAsync(handler: null, async () =>
        {
            var caller = await CallAsync(new(await OutsideAsync(peer)));
            var (url, headers) = Callback(await peer.NextAsync());
            var response = await PostAsync(url, "{\"message\":\"it broke\"}", [.. headers, ("Nexus-Operation-State", "failed"), ("Nexus-Operation-Token", "late")]);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            mayAnswer.SetResult();

            var error = await Assert.ThrowsAsync<WorkflowFailedException>(() => caller.GetResultAsync());
            Assert.Equal("it broke", Assert.IsType<NexusOperationFailureException>(error.InnerException).InnerException!.Message);
            Assert.Equal("late", (await EventAsync(caller, EventType.NexusOperationStarted)).NexusOperationStartedEventAttributes.OperationToken);
        });
    }

    [Fact]
    public async Task A_workflow_behind_an_operation_calls_back_who_started_it_from_outside()
    {
        await using var peer = await HttpPeer.StartAsync(HttpPeer.Answer(200));
        var handler = new GreeterHandler(async (context, name) =>
        {
            var started = await NexusOperationExecutionContext.Current.TemporalClient.Connection.WorkflowService.StartWorkflowExecutionAsync(new()
            {
                Namespace = Namespace, WorkflowId = "behind", WorkflowType = new() { Name = "GreetWorkflow" }, TaskQueue = new() { Name = Queue }, RequestId = context.RequestId,
                Input = new() { Payloads_ = { new Temporalio.Api.Common.V1.Payload { Data = ByteString.CopyFromUtf8($"\"{name}\""), Metadata = { ["encoding"] = ByteString.CopyFromUtf8("json/plain") } } } },
                CompletionCallbacks = { new Temporalio.Api.Common.V1.Callback { Nexus = new() { Url = context.CallbackUrl!, Header = { context.CallbackHeaders!.ToDictionary() } } } },
            });
            return OperationStartResult.AsyncResult<string>(started.RunId);
        });
        await RunWorkerAsync(handler, async () =>
        {
            var response = await PostAsync(
                $"{Server.HttpAddress}/nexus/endpoints/{await EndpointIdAsync()}/services/Greeter/Greet?callback={Uri.EscapeDataString(peer.Url + "/back")}", "\"Ada\"",
                ("Content-Type", "application/json"), ("Nexus-Callback-My-Token", "mine"));
            Assert.Equal(HttpStatusCode.Created, response.StatusCode);

            var call = await peer.NextAsync();
            Assert.Equal(("/back", "\"Hello, Ada\"", "mine", "succeeded"), (call.Path, call.Body, call.Headers["my-token"], call.Headers["Nexus-Operation-State"]));
        });
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private Task<HttpResponseMessage> StartAsync(string endpoint, string body, params (string Name, string Value)[] headers) =>
        PostAsync($"{Server.HttpAddress}/nexus/endpoints/{endpoint}/services/Greeter/Greet", body, headers);

    private async Task<HttpResponseMessage> PostAsync(string url, string body, params (string Name, string Value)[] headers)
    {
        using var message = new HttpRequestMessage(HttpMethod.Post, url) { Content = new StringContent(body) };
        message.Content.Headers.ContentType = new("application/json");
        foreach (var (name, value) in headers.Where(static header => header.Name != "Content-Type"))
        {
            message.Headers.TryAddWithoutValidation(name, value);
        }

        return await http.SendAsync(message, Cancel);
    }

    private async Task<string> EndpointIdAsync() => (await Client.Connection.OperatorService.CreateNexusEndpointAsync(new()
    {
        Spec = new() { Name = "greeter-" + Guid.NewGuid().ToString("N"), Target = new() { Worker = new() { Namespace = Namespace, TaskQueue = Queue } } },
    })).Endpoint.Id;

    private async Task<string> OutsideAsync(HttpPeer peer)
    {
        await Client.Connection.OperatorService.CreateNexusEndpointAsync(new() { Spec = new() { Name = "outside", Target = new() { External = new() { Url = peer.Url } } } });
        return "outside";
    }

    private static (string Url, (string, string)[] Headers) Callback(HttpPeer.Call start) => (
        System.Web.HttpUtility.ParseQueryString(start.Query)["callback"]!,
        [.. start.Headers.Where(header => header.Key.StartsWith("Nexus-Callback-", StringComparison.OrdinalIgnoreCase)).Select(header => (header.Key["Nexus-Callback-".Length..], header.Value))]);

    private static async Task<string> MessageAsync(HttpResponseMessage response) => (await response.Content.ReadFromJsonAsync<JsonElement>(Cancel)).GetProperty("message").GetString()!;
}
