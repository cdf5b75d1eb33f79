using NexusRpc.Handlers;
using Temporalio.Api.Enums.V1;
using Temporalio.Client;
using Temporalio.Exceptions;
using Xunit;

namespace Baton.Durable.Tests.Nexus;

/// <summary>Nexus over HTTP: endpoints outside of this server, and completion callbacks to others.</summary>
public sealed class NexusHttpTests : NexusHost
{
    [Fact]
    public async Task An_outside_endpoint_is_called_and_its_answer_is_the_result()
    {
        await using var peer = await HttpPeer.StartAsync(HttpPeer.Answer(503, "{\"message\":\"not yet\"}"), HttpPeer.Answer(200, "\"Hello from outside\""));
        var endpoint = await OutsideAsync(peer);

        await RunWorkerAsync(handler: null, async () =>
        {
            var caller = await CallAsync(new(endpoint) { ScheduleToClose = TimeSpan.FromMinutes(1) });
            var first = await peer.NextAsync();
            var second = await peer.NextAsync();

            Assert.Equal("Hello from outside", await caller.GetResultAsync());
            Assert.Equal("/Greeter/Greet", first.Path);
            Assert.Equal("\"Ada\"", first.Body);
            Assert.Equal("application/json", first.Headers["Content-Type"]);
            Assert.Contains("temporal-callback-token", first.Headers.Keys.Select(key => key.Replace("Nexus-Callback-", "", StringComparison.OrdinalIgnoreCase)), StringComparer.OrdinalIgnoreCase);
            Assert.Contains("callback=temporal%3A%2F%2Fsystem", first.Query, StringComparison.Ordinal);
            Assert.EndsWith("ms", first.Headers["Request-Timeout"], StringComparison.Ordinal);
            Assert.Equal(first.Headers["Nexus-Request-Id"], second.Headers["Nexus-Request-Id"]);
            Assert.Contains(caller.Id, first.Headers["Nexus-Link"], StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task An_outside_operation_that_fails_is_not_called_again()
    {
        await using var peer = await HttpPeer.StartAsync(HttpPeer.Answer(424, "{\"message\":\"no such person\"}", ("Nexus-Operation-State", "failed")));
        var endpoint = await OutsideAsync(peer);

        await RunWorkerAsync(handler: null, async () =>
        {
            var error = await Assert.ThrowsAsync<WorkflowFailedException>(async () => await (await CallAsync(new(endpoint))).GetResultAsync());

            var operation = Assert.IsType<NexusOperationFailureException>(error.InnerException);
            Assert.Equal("no such person", Assert.IsType<ApplicationFailureException>(operation.InnerException).Message);
        });
    }

    [Fact]
    public async Task An_outside_endpoint_that_refuses_fails_the_operation_with_the_kind_of_error()
    {
        await using var peer = await HttpPeer.StartAsync(HttpPeer.Answer(404, "{\"message\":\"unknown operation\"}"));
        var endpoint = await OutsideAsync(peer);

        await RunWorkerAsync(handler: null, async () =>
        {
            var error = await Assert.ThrowsAsync<WorkflowFailedException>(async () => await (await CallAsync(new(endpoint))).GetResultAsync());

            var refused = Assert.IsType<HandlerException>(Assert.IsType<NexusOperationFailureException>(error.InnerException).InnerException);
            Assert.Equal(HandlerErrorType.NotFound, refused.ErrorType);
        });
    }

    [Fact]
    public async Task An_outside_operation_that_started_is_asked_to_cancel()
    {
        await using var peer = await HttpPeer.StartAsync(HttpPeer.Answer(201, "{\"token\":\"op-1\",\"state\":\"running\"}"), HttpPeer.Answer(202));
        var endpoint = await OutsideAsync(peer);

        await RunWorkerAsync(handler: null, async () =>
        {
            var caller = await CallAsync(new(endpoint) { CancelAfterStart = true });
            await peer.NextAsync();
            var cancel = await peer.NextAsync();

            Assert.Equal("/Greeter/Greet/cancel", cancel.Path);
            Assert.Equal("op-1", cancel.Headers["Nexus-Operation-Token"]);
            var started = await EventAsync(caller, EventType.NexusOperationStarted);
            Assert.Equal("op-1", started.NexusOperationStartedEventAttributes.OperationToken);
            await EventAsync(caller, EventType.NexusOperationCancelRequestCompleted);
            var pending = Assert.Single((await DescribeAsync(caller)).PendingNexusOperations);
            Assert.Equal(NexusOperationCancellationState.Succeeded, pending.CancellationInfo.State);
            await caller.TerminateAsync();
        });
    }

    [Fact]
    public async Task A_callback_is_sent_until_it_is_taken()
    {
        await using var peer = await HttpPeer.StartAsync(HttpPeer.Answer(500), HttpPeer.Answer(200));

        await RunWorkerAsync(handler: null, async () =>
        {
            var handle = await StartWithCallbackAsync(peer, "Ada");
            Assert.Equal("Hello, Ada", await handle.GetResultAsync<string>());
            var first = await peer.NextAsync();
            await peer.NextAsync();

            Assert.Equal("succeeded", first.Headers["Nexus-Operation-State"]);
            Assert.Equal("secret", first.Headers["X-Token"]);
            Assert.Equal("\"Hello, Ada\"", first.Body);
        });
    }

    [Fact]
    public async Task A_callback_of_a_failed_workflow_carries_its_failure()
    {
        await using var peer = await HttpPeer.StartAsync(HttpPeer.Answer(200));

        await RunWorkerAsync(handler: null, async () =>
        {
            await StartWithCallbackAsync(peer, "fail");
            var call = await peer.NextAsync();

            Assert.Equal("failed", call.Headers["Nexus-Operation-State"]);
            Assert.Contains("no greeting today", call.Body, StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task A_refused_callback_is_not_sent_again()
    {
        await using var peer = await HttpPeer.StartAsync(HttpPeer.Answer(400));

        await RunWorkerAsync(handler: null, async () =>
        {
            var handle = await StartWithCallbackAsync(peer, "Ada");
            await peer.NextAsync();
            var callback = await CallbackAsync(handle, static callback => callback.State == CallbackState.Failed);

            Assert.Equal(1, callback.Attempt);
            Assert.Contains("400", callback.LastAttemptFailure.Message, StringComparison.Ordinal);
        });
    }

    [Theory]
    [InlineData("ftp://example.com/x")]
    [InlineData("nowhere")]
    public async Task A_callback_that_could_never_be_sent_is_refused(string url)
    {
        var error = await Assert.ThrowsAsync<RpcException>(() => StartAsync(url, "Ada"));

        Assert.Equal(RpcException.StatusCode.InvalidArgument, error.Code);
        Assert.Contains("invalid url", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Describing is a commit of its own, so that each look is newer than the last.</summary>
    private async Task<Temporalio.Api.Workflow.V1.CallbackInfo> CallbackAsync(WorkflowHandle handle, Func<Temporalio.Api.Workflow.V1.CallbackInfo, bool> isMet)
    {
        while (true)
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            if ((await DescribeAsync(handle)).Callbacks.Single() is var callback && isMet(callback))
            {
                return callback;
            }
        }
    }

    private Task<WorkflowHandle> StartWithCallbackAsync(HttpPeer peer, string name) => StartAsync(peer.Url + "/done", name);

    private async Task<WorkflowHandle> StartAsync(string url, string name)
    {
        var id = "greet-" + Guid.NewGuid();
        await Client.WorkflowService.StartWorkflowExecutionAsync(new()
        {
            Namespace = Namespace,
            WorkflowId = id,
            WorkflowType = new() { Name = "GreetWorkflow" },
            TaskQueue = new() { Name = Queue },
            Input = new() { Payloads_ = { Client.Options.DataConverter.PayloadConverter.ToPayload(name) } },
            CompletionCallbacks = { new Temporalio.Api.Common.V1.Callback { Nexus = new() { Url = url, Header = { ["X-Token"] = "secret" } } } },
        });
        return Client.GetWorkflowHandle(id);
    }

    private async Task<string> OutsideAsync(HttpPeer peer)
    {
        await Client.Connection.OperatorService.CreateNexusEndpointAsync(new() { Spec = new() { Name = "outside", Target = new() { External = new() { Url = peer.Url } } } });
        return "outside";
    }
}
