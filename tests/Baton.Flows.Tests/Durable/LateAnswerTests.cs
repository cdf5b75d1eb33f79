using System.Collections.Concurrent;
using System.Threading.Channels;
using Baton.Flows.Durable;
using Baton.Flows.Functions;
using Baton.Flows.Hosting;
using Baton.Flows.Interpret;
using Baton.Flows.Tests.Support;
using Baton.Flows.Validate;
using Baton.Jq;
using Temporalio.Client;
using Temporalio.Converters;
using Temporalio.Exceptions;

namespace Baton.Flows.Tests.Durable;

/// <summary>Functions that promise an answer: it comes by signal, once or twice, early or late, before and after the run was cut.</summary>
public sealed class LateAnswerTests(DurableFixture durable) : IClassFixture<DurableFixture>
{
    private const string Head = "document: { dsl: 1.0.3, namespace: tests, name: late, version: 1.0.0 }\n";
    private const string Ask = "{ ask: { call: 'ask:1.0.0@default', with: {} } }";

    [Fact]
    public async Task The_first_answer_counts_and_a_second_is_ignored()
    {
        await RunAsync($"do: [ {Ask}, {{ hear: {{ listen: {{ to: {{ one: {{ with: {{ type: go }} }} }} }} }} }}, {{ out: {{ set: {{ heard: '${{ . }}' }} }} }} ]", async (run, ask) =>
        {
            var token = await ask.AskedAsync();
            await WaitForAsync(run, state => state is { Status: "waiting", Listening: false });
            await AnswerAsync(run, token, "1");
            await AnswerAsync(run, token, "2");
            await WaitForAsync(run, state => state.Listening);
            await AnswerAsync(run, token, "3");
            await run.SignalAsync("event", [RawValues.Raw(JqValue.Parse("""{"type":"go","data":"over"}"""))]);
            Assert.Equal("""{"heard":["over"]}""", await OutputAsync(run));
            Assert.Empty(ask.Withdrawn);
        });
    }

    [Fact]
    public async Task An_answer_may_come_before_its_promise()
    {
        await RunAsync($"do: [ {Ask} ]", async (run, ask) =>
        {
            // The function itself signals before it returns.
            Assert.Equal("\"early\"", await OutputAsync(run));
        }, ask => ask.Before = call => durable.Client.GetWorkflowHandle(call.RunId).SignalAsync(FlowWorkflow.AnswerSignal, [Message(call.CallId, "\"early\"")]));
    }

    [Fact]
    public async Task A_run_that_waits_is_cut_and_goes_on_in_the_next()
    {
        // The other branch makes history until the run is cut; the promise goes along, and is not asked for twice.
        await RunAsync($"do: [ {{ both: {{ fork: {{ branches: [ {Ask}, {{ busy: {{ for: {{ in: '${{ [range(20)] }}' }}, do: [ {{ beat: {{ wait: PT0.001S }} }} ] }} }} ] }} }} }} ]", async (run, ask) =>
        {
            var token = await ask.AskedAsync();
            await WaitForAsync(run, state => state.Steps.Any(s => s is { Name: "busy", Status: "completed" }));
            Assert.NotEqual(run.FirstExecutionRunId, (await durable.Client.GetWorkflowHandle(run.Id).DescribeAsync()).RunId);
            await durable.Client.GetWorkflowHandle(run.Id).SignalAsync(FlowWorkflow.AnswerSignal, [Message(token, "42")]);
            Assert.StartsWith("[42,", await OutputAsync(run), StringComparison.Ordinal);
            Assert.Single(ask.Calls);
        }, continueAfter: 30);
    }

    [Fact]
    public async Task An_answer_to_a_suspended_run_is_taken_and_the_next_task_held()
    {
        await RunAsync($"do: [ {Ask}, {{ next: {{ set: {{ got: '${{ . }}' }} }} }} ]", async (run, ask) =>
        {
            var token = await ask.AskedAsync();
            await run.SignalAsync("suspend", []);
            await AnswerAsync(run, token, "7");
            await WaitForAsync(run, state => state.Status == "suspended" && state.Steps.Single(s => s.Name == "ask").Status == "completed");
            Assert.DoesNotContain((await run.QueryAsync<FlowRunState>("state", [])).Steps, s => s.Name == "next");
            await run.SignalAsync("resume", []);
            Assert.Equal("""{"got":7}""", await OutputAsync(run));
        });
    }

    [Fact]
    public async Task An_error_as_answer_faults_the_task_and_a_retry_asks_anew()
    {
        await RunAsync($"do: [ {{ attempt: {{ try: [ {Ask} ], catch: {{ errors: {{ with: {{ status: 418 }} }}, retry: {{ limit: {{ attempt: {{ count: 1 }} }} }} }} }} }} ]", async (run, ask) =>
        {
            var first = await ask.AskedAsync();
            await run.SignalAsync(FlowWorkflow.AnswerSignal, [RawValues.Raw(JqValue.FromObject([new("token", first), new("error", JqValue.Parse("""{"type":"urn:teapot","status":418}"""))]))]);
            var second = await ask.AskedAsync();
            Assert.NotEqual(first, second);
            var calls = ask.Calls.ToList();
            Assert.Equal(calls[0].IdempotencyKey, calls[1].IdempotencyKey);
            await AnswerAsync(run, second, "true");
            Assert.Equal("true", await OutputAsync(run));
        });
    }

    [Fact]
    public async Task A_cancelled_run_withdraws_its_question()
    {
        await RunAsync($"do: [ {Ask} ]", async (run, ask) =>
        {
            var token = await ask.AskedAsync();
            await WaitForAsync(run, state => state.Status == "waiting");
            await run.CancelAsync();
            var failure = await Assert.ThrowsAsync<WorkflowFailedException>(() => run.GetResultAsync());
            Assert.IsType<CanceledFailureException>(failure.InnerException);
            Assert.Equal([token], ask.Withdrawn);
        });
    }

    [Fact]
    public async Task A_timeout_withdraws_the_question()
    {
        await RunAsync("do: [ { ask: { timeout: { after: PT0.05S }, call: 'ask:1.0.0@default', with: {} } } ]", async (run, ask) =>
        {
            var token = await ask.AskedAsync();
            var failure = await Assert.ThrowsAsync<WorkflowFailedException>(() => run.GetResultAsync());
            Assert.EndsWith("/timeout", Assert.IsType<ApplicationFailureException>(failure.InnerException).ErrorType, StringComparison.Ordinal);
            Assert.Equal([token], ask.Withdrawn);
        });
    }

    private async Task RunAsync(string tasks, Func<WorkflowHandle<FlowWorkflow, RawValue>, AskFunction, Task> test, Action<AskFunction>? arrange = null, int continueAfter = 0)
    {
        var queue = $"late-{Guid.NewGuid():N}";
        var ask = new AskFunction();
        arrange?.Invoke(ask);
        var catalogue = new FlowCatalogue([ask]);
        var flow = FlowValidator.Validate(Head + tasks, FlowValidationOptions.Default with { Catalogue = catalogue });
        Assert.True(flow.IsValid, string.Join(Environment.NewLine, flow.Problems));
        using var worker = new FlowWorker(durable.Client, new FlowHost { Functions = [ask] }, queue);
        await worker.ExecuteAsync(async () =>
        {
            var start = new FlowStart { Definition = flow.Definition!.Json, Input = JqValue.FromObject([]), ContinueAfterEvents = continueAfter };
            var run = await durable.Client.StartWorkflowAsync((FlowWorkflow workflow) => workflow.RunAsync(start), new(queue, queue));
            await test(run, ask);
            await durable.ReplayAsync(run.Id);
            return 0;
        });
    }

    private static async Task<string> OutputAsync(WorkflowHandle<FlowWorkflow, RawValue> run) => RawValues.Value(await run.GetResultAsync()).ToJson();

    private static Task AnswerAsync(WorkflowHandle run, string token, string json) => run.SignalAsync(FlowWorkflow.AnswerSignal, [Message(token, json)]);

    private static RawValue Message(string token, string json) => RawValues.Raw(JqValue.FromObject([new("token", token), new("value", JqValue.Parse(json))]));

    private async Task WaitForAsync(WorkflowHandle run, Func<FlowRunState, bool> condition)
    {
        while (!condition(await durable.Client.GetWorkflowHandle(run.Id).QueryAsync<FlowRunState>("state", [])))
        {
            await Task.Yield();
        }
    }

    private sealed class AskFunction : IFlowFunction
    {
        private readonly Channel<string> _asked = Channel.CreateUnbounded<string>();

        public ConcurrentQueue<FlowFunctionCall> Calls { get; } = new();

        public ConcurrentQueue<string> Withdrawn { get; } = new();

        public Func<FlowFunctionCall, Task> Before { get; set; } = _ => Task.CompletedTask;

        public FlowFunctionDescriptor Descriptor { get; } = new("ask", "1.0.0", "Asks.", JqValue.Parse("{}"), JqValue.Parse("{}"));

        public ValueTask<string> AskedAsync() => _asked.Reader.ReadAsync();

        public async Task<FlowFunctionResult> InvokeAsync(FlowFunctionCall call, CancellationToken cancellationToken)
        {
            Calls.Enqueue(call);
            await Before(call);
            _asked.Writer.TryWrite(call.CallId);
            return FlowFunctionResult.Later(call.CallId);
        }

        public Task WithdrawAsync(string token, CancellationToken cancellationToken)
        {
            Withdrawn.Enqueue(token);
            return Task.CompletedTask;
        }
    }
}
