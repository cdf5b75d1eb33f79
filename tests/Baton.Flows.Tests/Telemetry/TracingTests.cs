using System.Collections.Concurrent;
using System.Diagnostics;
using Baton.Flows.Durable;
using Baton.Flows.Parse;
using Baton.Flows.Telemetry;
using Baton.Flows.Tests.Support;
using Baton.Jq;
using Temporalio.Activities;
using Temporalio.Client;
using Temporalio.Common;
using Temporalio.Exceptions;
using Temporalio.Worker;
using Temporalio.Workflows;

namespace Baton.Flows.Tests.Telemetry;

public sealed class TracingTests : IClassFixture<DurableFixture>, IDisposable
{
    private readonly DurableFixture durable;
    private readonly TemporalClient client;
    private readonly ConcurrentQueue<Activity> spans = new();
    private readonly ActivitySource source = new("Baton.Flows.Tests");
    private readonly ActivityListener listener;

    public TracingTests(DurableFixture durable)
    {
        this.durable = durable;
        client = new TemporalClient(durable.Client.Connection, new() { Namespace = durable.Client.Options.Namespace, Interceptors = [new TracingInterceptor()] });
        listener = new ActivityListener
        {
            ShouldListenTo = candidate => candidate.Name is FlowTelemetry.Name or "Baton.Flows.Tests",
            Sample = (ref _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = spans.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
    }

    public void Dispose()
    {
        listener.Dispose();
        source.Dispose();
    }

    [Fact]
    public async Task One_trace_leads_from_the_start_over_a_lost_worker_to_the_emitted_event()
    {
        var start = new FlowStart
        {
            Definition = FlowReader.Read("""
                document: { dsl: 1.0.3, namespace: tests, name: traced, version: 1.0.0 }
                do:
                - ask: { call: http, with: { method: get, endpoint: https://api.example.com/text } }
                - hear: { listen: { to: { one: { with: { type: go } } } } }
                - tell: { emit: { event: { with: { type: told } } } }
                """).Definition!.Json,
            Input = JqValue.FromObject([]),
        };
        var queue = $"flows-{Guid.NewGuid():N}";
        var bus = new RecordingBus();
        var host = durable.Host(new RunRequest("", default), bus);
        WorkflowHandle handle;
        ActivityContext root;
        using (var first = new FlowWorker(client, host, queue))
        {
            (handle, root) = await first.ExecuteAsync(async () =>
            {
                using var signal = source.StartActivity("signal")!;
                var run = await client.StartWorkflowAsync((FlowWorkflow flow) => flow.RunAsync(start), new($"traced-{queue}", queue));
                await WaitForAsync(run, state => state.Listening);
                return (run, signal.Context);
            });
        }
        await handle.SignalAsync("event", [RawValues.Raw(JqValue.FromObject([new("type", "go")]))]);
        using (var second = new FlowWorker(client, host, queue))
        {
            await second.ExecuteAsync(async () => await handle.GetResultAsync<Temporalio.Converters.RawValue>());
        }

        var trace = spans.Where(span => span.TraceId == root.TraceId && span.GetTagItem(FlowTelemetry.Open) is null).ToList();
        Assert.Equal(trace.Count, trace.Select(span => span.SpanId).Distinct().Count());
        var run = Assert.Single(trace, span => span.OperationName == "RunWorkflow:BatonFlow");
        Assert.Equal(Find("StartWorkflow:BatonFlow").SpanId, run.ParentSpanId);
        Assert.Equal("tests/traced:1.0.0", run.GetTagItem("baton.flow"));
        Assert.Equal("completed", run.GetTagItem("baton.outcome"));
        Assert.Equal(["ask", "hear", "tell"], trace.Where(span => span.ParentSpanId == run.SpanId && span.GetTagItem("baton.step.kind") is not null).OrderBy(span => span.StartTimeUtc).Select(span => span.OperationName.Split(' ')[1]));
        var attempt = Find("RunActivity:flow.http");
        Assert.Equal(Find("call ask").SpanId, attempt.ParentSpanId);
        Assert.Equal(1, attempt.GetTagItem("temporal.attempt"));
        // .NET's client puts a span of its own between; the trace is what counts here.
        Assert.Contains(durable.StandIns.Requests, seen => seen.Path == "/text" && seen.Headers.GetValueOrDefault("traceparent", "").StartsWith($"00-{root.TraceId}-", StringComparison.Ordinal));
        var emitted = bus.Published.Single(cloudEvent => cloudEvent["type"].GetString() == "told");
        Assert.Equal(TraceHeaders.TraceParent(Find("RunActivity:flow.emit").Context), emitted["traceparent"].GetString());
        var handled = Find("HandleSignal:event");
        Assert.Equal(run.SpanId, handled.ParentSpanId);
        Assert.Equal(Assert.Single(spans, span => span.OperationName == "SignalWorkflow:event" && (string?)span.GetTagItem("temporalWorkflowID") == handle.Id).SpanId, Assert.Single(handled.Links).Context.SpanId);

        Activity Find(string name) => Assert.Single(trace, span => span.OperationName == name);
    }

    [Fact]
    public async Task Each_attempt_of_an_activity_is_a_span_and_a_run_without_a_trace_gets_one_of_its_own()
    {
        var queue = $"plain-{Guid.NewGuid():N}";
        using var worker = new TemporalWorker(client, new TemporalWorkerOptions(queue) { MaxCachedWorkflows = 0 }.AddWorkflow<PlainWorkflow>().AddActivity(PlainWorkflow.FailOnce));
        var id = $"plain-{queue}";
        // As a schedule or another tool starts it: without our header.
        await worker.ExecuteAsync(async () => await (await durable.Client.StartWorkflowAsync((PlainWorkflow plain) => plain.RunAsync(), new(id, queue))).GetResultAsync());

        var mine = spans.Where(span => (string?)span.GetTagItem("temporalWorkflowID") == id && span.GetTagItem(FlowTelemetry.Open) is null).ToList();
        var run = Assert.Single(mine, span => span.OperationName == "RunWorkflow:PlainWorkflow");
        Assert.Equal(default, run.ParentSpanId);
        var attempts = mine.Where(span => span.OperationName == "RunActivity:FailOnce").OrderBy(span => (int)span.GetTagItem("temporal.attempt")!).ToList();
        Assert.Equal([1, 2], attempts.Select(span => (int)span.GetTagItem("temporal.attempt")!));
        Assert.Equal([ActivityStatusCode.Error, ActivityStatusCode.Unset], attempts.Select(span => span.Status));
        Assert.All(attempts, span => Assert.Equal((run.TraceId, run.SpanId), (span.TraceId, span.ParentSpanId)));
    }

    [Fact]
    public async Task A_run_that_continues_as_new_stays_in_its_trace()
    {
        var queue = $"chain-{Guid.NewGuid():N}";
        using var worker = new TemporalWorker(client, new TemporalWorkerOptions(queue).AddWorkflow<ChainWorkflow>());
        using var signal = source.StartActivity("signal")!;
        await worker.ExecuteAsync(async () => await (await client.StartWorkflowAsync((ChainWorkflow chain) => chain.RunAsync(1), new(queue, queue))).GetResultAsync());

        var start = Assert.Single(spans, span => span.TraceId == signal.TraceId && span.OperationName == "StartWorkflow:ChainWorkflow");
        var runs = spans.Where(span => span.OperationName == "RunWorkflow:ChainWorkflow" && span.ParentSpanId == start.SpanId && span.GetTagItem(FlowTelemetry.Open) is null).ToList();
        Assert.Equal(["continued_as_new", "completed"], runs.OrderBy(span => span.StartTimeUtc).Select(span => span.GetTagItem("baton.outcome")));
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, true)]
    public void The_share_that_is_kept_is_decided_by_the_trace_id(double ratio, bool kept) => Assert.All(
        Enumerable.Range(0, 100).Select(n => DerivedSpan.TraceIdOf($"{n}")),
        trace => Assert.Equal(kept, DerivedSpan.Sample(trace, ratio) == ActivityTraceFlags.Recorded));

    private static async Task WaitForAsync(WorkflowHandle handle, Func<FlowRunState, bool> condition)
    {
        while (!condition(await handle.QueryAsync<FlowRunState>("state", [])))
        {
            await Task.Yield();
        }
    }

    [Workflow]
    public sealed class PlainWorkflow
    {
        [WorkflowRun]
        public Task RunAsync() => Workflow.ExecuteActivityAsync(
            () => FailOnce(), new() { StartToCloseTimeout = TimeSpan.FromMinutes(1), RetryPolicy = new RetryPolicy { InitialInterval = TimeSpan.FromMilliseconds(1), MaximumAttempts = 2 } });

        [Activity]
        public static void FailOnce()
        {
            if (ActivityExecutionContext.Current.Info.Attempt == 1)
            {
                throw new ApplicationFailureException("not yet");
            }
        }
    }

    [Workflow]
    public sealed class ChainWorkflow
    {
        [WorkflowRun]
        public Task RunAsync(int more) =>
            more == 0 ? Task.CompletedTask : throw Workflow.CreateContinueAsNewException((ChainWorkflow chain) => chain.RunAsync(more - 1));
    }
}
