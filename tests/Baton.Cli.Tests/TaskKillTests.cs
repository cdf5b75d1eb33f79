using Baton.Flows.Durable;
using Temporalio.Client;
using Temporalio.Worker;
using Temporalio.Workflows;

namespace Baton.Cli.Tests;

/// <summary>
/// The server dies (SIGKILL) between each pair of steps of create, notify, decide, signal, go on; it is started again, people repeat
/// what got no answer, and in the end each question was asked once, decided once, and answered once.
/// </summary>
public sealed class TaskKillTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    [Theory]
    [InlineData("task-before-create")]
    [InlineData("task-after-create")]
    [InlineData("task-before-tell")]
    [InlineData("task-after-tell")]
    [InlineData("task-before-change")]
    [InlineData("task-after-change")]
    [InlineData("task-before-signal")]
    [InlineData("task-after-signal")]
    public async Task Nothing_is_lost_or_doubled_when_the_server_dies(string point)
    {
        using var patience = new CancellationTokenSource(Patience);
        await using var server = new DyingServer([$"{point}:1"]);
        await server.StartAsync();
        var client = await TemporalClient.ConnectAsync(new(server.TemporalAddress));
        using var worker = new TemporalWorker(client, new TemporalWorkerOptions("kill").AddWorkflow<TwoQuestions>());
        var result = await worker.ExecuteAsync(async () =>
        {
            var run = await client.StartWorkflowAsync((TwoQuestions workflow) => workflow.RunAsync(), new("two-questions", "kill"));
            await ApproveAsync(server, "first", patience.Token);
            await ApproveAsync(server, "second", patience.Token);
            return await ResultAsync(run, patience.Token);
        });

        Assert.Single(server.Deaths);
        Assert.Equal("approved,approved", result);
        var tasks = (await server.RunAsync("task", "list", "--json")).Expect(0).Json.AsArray();
        Assert.Equal(["first", "second"], tasks.Select(task => $"{task!["title"]}").Order());
        foreach (var task in tasks)
        {
            Assert.Single(task!["decisions"]!.AsArray());
            var shown = (await server.RunAsync("task", "show", $"{task["id"]}", "--json")).Expect(0).Json;
            Assert.Equal(["created", "approve"], shown["history"]!.AsArray().Select(entry => $"{entry!["kind"]}"));
        }
    }

    /// <summary>As a person does it: look until it is there, approve until it is said to be done.</summary>
    private static async Task ApproveAsync(DyingServer server, string title, CancellationToken cancel)
    {
        while (true)
        {
            cancel.ThrowIfCancellationRequested();
            var list = await server.RunAsync("task", "list", "--json");
            if (list.ExitCode == 0 && list.Json.AsArray().FirstOrDefault(task => $"{task!["title"]}" == title) is { } found
                && (await server.RunAsync("task", "approve", $"{found["id"]}")).ExitCode == 0)
            {
                return;
            }
            await server.RecoverAsync();
        }
    }

    private static async Task<string> ResultAsync(WorkflowHandle<TwoQuestions, string> run, CancellationToken cancel)
    {
        while (true)
        {
            try
            {
                return await run.GetResultAsync(rpcOptions: new() { CancellationToken = cancel });
            }
            catch (Temporalio.Exceptions.RpcException exception) when (exception.Code is Temporalio.Exceptions.RpcException.StatusCode.Unavailable or Temporalio.Exceptions.RpcException.StatusCode.Cancelled && !cancel.IsCancellationRequested)
            {
                // The server is being started again.
            }
        }
    }
}

/// <summary>Asks twice: an answer that came twice would answer the second question too.</summary>
[Workflow]
public sealed class TwoQuestions
{
    private readonly HumanTasks people = new();

    [WorkflowRun]
    public async Task<string> RunAsync()
    {
        var first = await people.AskAsync("approval", new { title = "first" });
        var second = await people.AskAsync("approval", new { title = "second" });
        return $"{first.Outcome},{second.Outcome}";
    }

    [WorkflowSignal(HumanTasks.Signal)]
    public Task AnsweredAsync(HumanTaskAnswer answer) => people.AnsweredAsync(answer);
}
