using System.Text;
using Baton.Durable.Hosting;
using Grpc.Core;
using Grpc.Health.V1;
using Temporalio.Api.ErrorDetails.V1;
using Temporalio.Api.WorkflowService.V1;
using Xunit;
using static Baton.Durable.Tests.Hosting.TestServers;
using GrpcStatus = Temporalio.Api.Common.V1.GrpcStatus;

namespace Baton.Durable.Tests.Hosting;

public sealed class GrpcWireTests
{
    private sealed class Handlers
    {
        public StartWorkflowExecutionRequest? Started { get; private set; }

        public Task<StartWorkflowExecutionResponse> StartWorkflowExecution(StartWorkflowExecutionRequest request, CallContext call)
        {
            Started = request;
            return Task.FromResult(new StartWorkflowExecutionResponse { RunId = "run of " + request.WorkflowId });
        }

        public Task<DescribeWorkflowExecutionResponse> DescribeWorkflowExecution(DescribeWorkflowExecutionRequest request, CallContext call) =>
            throw ServiceErrors.WorkflowExecutionAlreadyStarted("läuft schon", "request-1", "run-1");

        public Task<ListNamespacesResponse> ListNamespaces(ListNamespacesRequest request, CallContext call) =>
            throw new InvalidOperationException("the secret of the inside");
    }

    private sealed class Waiting
    {
        public TaskCompletionSource<CallContext> Arrived { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Gone { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public async Task<PollWorkflowTaskQueueResponse> PollWorkflowTaskQueue(PollWorkflowTaskQueueRequest request, CallContext call)
        {
            await using var registration = call.CancellationToken.Register(Gone.SetResult);
            Arrived.SetResult(call);
            await Gone.Task;
            return new();
        }
    }

    private static readonly StartWorkflowExecutionRequest Start = new() { Namespace = "default", WorkflowId = "order-1" };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_request_reaches_its_handler_plain_and_gzipped(bool gzip)
    {
        var handlers = new Handlers();
        await using var server = await StartAsync(new(), handlers);
        using var client = new WireClient(server.Address);

        var answer = await client.CallAsync(WorkflowService + "StartWorkflowExecution", Start, gzip: gzip);

        Assert.Equal(0, answer.Status);
        Assert.Equal("run of order-1", answer.Read<StartWorkflowExecutionResponse>().RunId);
        Assert.Equal(Start, handlers.Started);
        Assert.DoesNotContain("gzip", answer.Encoding, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Typed_errors_travel_as_google_rpc_status_in_the_trailer()
    {
        await using var server = await StartAsync(new(), new Handlers());
        using var client = new WireClient(server.Address);

        var answer = await client.CallAsync(WorkflowService + "DescribeWorkflowExecution", new DescribeWorkflowExecutionRequest());

        Assert.Equal((int)StatusCode.AlreadyExists, answer.Status);
        Assert.Equal("läuft schon", answer.Message);
        var status = GrpcStatus.Parser.ParseFrom(answer.Details);
        Assert.Equal((int)StatusCode.AlreadyExists, status.Code);
        Assert.Equal("läuft schon", status.Message);
        var detail = Assert.Single(status.Details);
        Assert.Equal("type.googleapis.com/temporal.api.errordetails.v1.WorkflowExecutionAlreadyStartedFailure", detail.TypeUrl);
        Assert.Equal(new WorkflowExecutionAlreadyStartedFailure { StartRequestId = "request-1", RunId = "run-1" }, detail.Unpack<WorkflowExecutionAlreadyStartedFailure>());
    }

    [Fact]
    public async Task An_unexpected_exception_shows_an_id_and_nothing_of_the_inside()
    {
        await using var server = await StartAsync(new(), new Handlers());
        using var client = new WireClient(server.Address);

        var answer = await client.CallAsync(WorkflowService + "ListNamespaces", new ListNamespacesRequest());

        Assert.Equal((int)StatusCode.Internal, answer.Status);
        Assert.Matches("^Unexpected error in ListNamespaces; .* id [0-9a-f]{12}\\.$", answer.Message);
        Assert.DoesNotContain("secret", answer.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/temporal.api.workflowservice.v1.WorkflowService/UpdateWorkflowExecution", "UpdateWorkflowExecution is not implemented")]
    [InlineData("/temporal.api.workflowservice.v1.WorkflowService/NoSuchMethod", "")]
    [InlineData("/no.such.Service/Method", "")]
    [InlineData("/temporal.api.testservice.v1.TestService/GetCurrentTime", "")]
    public async Task What_is_not_there_is_unimplemented(string path, string message)
    {
        await using var server = await StartAsync(new(), new Handlers());
        using var client = new WireClient(server.Address);

        var answer = await client.CallAsync(path, new UpdateWorkflowExecutionRequest());

        Assert.Equal((int)StatusCode.Unimplemented, answer.Status);
        Assert.Contains(message, answer.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_oversized_message_is_refused_by_its_declared_length()
    {
        await using var server = await StartAsync(new(), new Handlers());
        using var client = new WireClient(server.Address);

        var answer = await client.SendAsync(WorkflowService + "StartWorkflowExecution", new byte[5 * 1024 * 1024]);

        Assert.Equal((int)StatusCode.ResourceExhausted, answer.Status);
        Assert.Equal("grpc: received message larger than max (5242880 vs. 4194304)", answer.Message);
    }

    [Fact]
    public async Task A_small_message_that_unfolds_to_an_oversized_one_is_refused()
    {
        await using var server = await StartAsync(new() { Limits = new() { RequestBytes = 100_000 } }, new Handlers());
        using var client = new WireClient(server.Address);
        var bomb = new StartWorkflowExecutionRequest { Identity = new string('a', 10_000_000) };

        var answer = await client.CallAsync(WorkflowService + "StartWorkflowExecution", bomb, gzip: true);

        Assert.Equal((int)StatusCode.ResourceExhausted, answer.Status);
        Assert.StartsWith("grpc: received message larger than max (", answer.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bytes_that_are_no_message_are_an_unmarshalling_error()
    {
        var handlers = new Handlers();
        await using var server = await StartAsync(new(), handlers);
        using var client = new WireClient(server.Address);

        var answer = await client.SendAsync(WorkflowService + "StartWorkflowExecution", [0x0a, 0xff, 0xff, 0xff]);
        var garbage = await client.SendAsync(WorkflowService + "StartWorkflowExecution", Encoding.ASCII.GetBytes("no gzip at all"), compressed: true);

        Assert.Equal((int)StatusCode.Internal, answer.Status);
        Assert.StartsWith("grpc: error unmarshalling request: ", answer.Message, StringComparison.Ordinal);
        Assert.Equal((int)StatusCode.Internal, garbage.Status);
        Assert.StartsWith("grpc: failed to decompress", garbage.Message, StringComparison.Ordinal);
        Assert.Null(handlers.Started);
    }

    [Fact]
    public async Task Health_answers_for_the_server_and_its_services()
    {
        await using var server = await StartAsync(new());
        using var client = new WireClient(server.Address);

        foreach (var service in new[] { "", "temporal.api.workflowservice.v1.WorkflowService" })
        {
            var answer = await client.CallAsync("/grpc.health.v1.Health/Check", new HealthCheckRequest { Service = service });
            Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, answer.Read<HealthCheckResponse>().Status);
        }
        var unknown = await client.CallAsync("/grpc.health.v1.Health/Check", new HealthCheckRequest { Service = "nobody" });
        Assert.Equal((int)StatusCode.NotFound, unknown.Status);
    }

    [Fact]
    public async Task A_handler_learns_that_its_caller_is_gone()
    {
        var waiting = new Waiting();
        await using var server = await StartAsync(new(), waiting);
        using var client = new WireClient(server.Address);
        using var leave = new CancellationTokenSource();

        var call = client.SendAsync(WorkflowService + "PollWorkflowTaskQueue", [], cancellationToken: leave.Token);
        Assert.Null((await waiting.Arrived.Task).Deadline);
        await leave.CancelAsync();

        await waiting.Gone.Task;
        await Assert.ThrowsAsync<TaskCanceledException>(() => call);
    }

    [Fact]
    public async Task A_handler_learns_of_the_deadline_and_the_caller_is_told_when_it_passed()
    {
        var waiting = new Waiting();
        await using var server = await StartAsync(new(), waiting);
        using var client = new WireClient(server.Address);

        var answer = await client.SendAsync(WorkflowService + "PollWorkflowTaskQueue", [], timeout: "50m");

        await waiting.Gone.Task;
        Assert.NotNull((await waiting.Arrived.Task).Deadline);
        Assert.Equal((int)StatusCode.DeadlineExceeded, answer.Status);
    }

    [Fact]
    public async Task Stopping_the_server_ends_calls_under_way()
    {
        var waiting = new Waiting();
        var server = await StartAsync(new(), waiting);
        using var client = new WireClient(server.Address);

        var call = client.SendAsync(WorkflowService + "PollWorkflowTaskQueue", []);
        await waiting.Arrived.Task;
        await server.DisposeAsync();

        await waiting.Gone.Task;
        await Assert.ThrowsAnyAsync<Exception>(() => call);
    }

    [Fact]
    public async Task Two_handlers_of_one_method_stop_the_start()
    {
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => StartAsync(new(), new Handlers(), new Handlers()));

        Assert.Contains("is handled twice", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_server_says_what_it_can_do()
    {
        await using var server = await DurableServer.StartAsync();
        using var client = new WireClient(server.Address);

        var info = (await client.CallAsync(WorkflowService + "GetSystemInfo", new GetSystemInfoRequest())).Read<GetSystemInfoResponse>();
        var cluster = (await client.CallAsync(WorkflowService + "GetClusterInfo", new GetClusterInfoRequest())).Read<GetClusterInfoResponse>();

        Assert.True(info.Capabilities.EncodedFailureAttributes && info.Capabilities.UpsertMemo && info.Capabilities.SdkMetadata);
        Assert.Equal(info.ServerVersion, cluster.ServerVersion);
        Assert.NotEmpty(cluster.ClusterId);
    }
}
