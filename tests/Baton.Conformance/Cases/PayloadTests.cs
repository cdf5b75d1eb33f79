using Google.Protobuf;

namespace Baton.Conformance.Cases;

/// <summary>Payload limits: 2 MB for a blob, 4 MB for a message.</summary>
public class PayloadTests(ServerFixture server) : ConformanceTest(server)
{
    private const int Megabyte = 1024 * 1024;

    [Workflow]
    public class Echoes
    {
        [WorkflowRun]
        public async Task<string> RunAsync(string value, int resultSize) => resultSize == 0
            ? value
            : await Workflow.ExecuteActivityAsync<string>("Big", [resultSize], new()
            {
                StartToCloseTimeout = TimeSpan.FromSeconds(20), RetryPolicy = new() { MaximumAttempts = 1 },
            });
    }

    [Fact]
    public Task A_payload_within_the_limit_comes_back_whole() => WithWorkerAsync<Echoes>(async () =>
    {
        var value = new string('x', Megabyte + Megabyte / 2);
        Assert.Equal(value, await Client.ExecuteWorkflowAsync((Echoes wf) => wf.RunAsync(value, 0), Options()));
    });

    [Fact]
    public async Task A_blob_over_the_limit_is_an_invalid_argument()
    {
        var big = Json(new string('x', 2 * Megabyte + 1000));
        var request = new StartWorkflowExecutionRequest
        {
            Namespace = ServerFixture.Namespace, WorkflowId = NewId(), WorkflowType = new() { Name = "Echoes" },
            TaskQueue = new() { Name = TaskQueue }, RequestId = NewId(), Input = big,
        };
        var error = await RpcErrorAsync(RpcException.StatusCode.InvalidArgument, () => Service.StartWorkflowExecutionAsync(request));
        Assert.Contains("Blob data size exceeds limit", error.Message);
        await RpcErrorAsync(RpcException.StatusCode.NotFound, () => Client.GetWorkflowHandle(request.WorkflowId).DescribeAsync());

        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        await RpcErrorAsync(RpcException.StatusCode.InvalidArgument, () => Service.SignalWorkflowExecutionAsync(
            new() { Namespace = ServerFixture.Namespace, WorkflowExecution = ExecutionOf(handle), SignalName = "Add", Input = big }));
        Assert.Equal(2, (await EventsAsync(handle)).Count);
        await handle.TerminateAsync();
    }

    [Fact]
    public async Task A_message_over_the_limit_is_refused_before_it_is_read()
    {
        var request = new StartWorkflowExecutionRequest
        {
            Namespace = ServerFixture.Namespace, WorkflowId = NewId(), WorkflowType = new() { Name = "Echoes" },
            TaskQueue = new() { Name = TaskQueue }, RequestId = NewId(), Input = new() { Payloads_ = { new Temporalio.Api.Common.V1.Payload { Data = ByteString.CopyFrom(new byte[5 * Megabyte]) } } },
        };
        var error = await RpcErrorAsync(RpcException.StatusCode.ResourceExhausted, () => Service.StartWorkflowExecutionAsync(request, new() { Retry = false }));
        Assert.StartsWith("grpc: received message larger than max", error.Message);
    }

    [Fact]
    public Task An_activity_result_over_the_limit_fails_the_activity() => WithWorkerAsync<Echoes>(
        async () =>
        {
            var handle = await Client.StartWorkflowAsync((Echoes wf) => wf.RunAsync("", 2 * Megabyte + 1000), Options());
            var error = await Assert.ThrowsAsync<WorkflowFailedException>(() => handle.GetResultAsync());
            Assert.IsType<ActivityFailureException>(error.InnerException);
        },
        options => options.AddActivity(Big));

    [Activity]
    public static string Big(int size) => new('x', size);
}
