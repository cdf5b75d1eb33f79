using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Baton.Flows.Durable;
using Baton.Flows.Hosting;
using Baton.Flows.Validate;
using Baton.Jq;
using Baton.Server.Errors;
using Baton.Server.Tasks;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Temporalio.Activities;
using Temporalio.Client;
using Temporalio.Exceptions;
using Temporalio.Worker;
using Temporalio.Workflows;

namespace Baton.Server.Tests.Tasks;

/// <summary>Tasks over HTTP, from flows and from workflows in code, on both databases.</summary>
public sealed class TaskApiTests(PostgresServer postgres)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_task_is_made_listed_decided_and_shown(bool onPostgres)
    {
        await using var server = await StartAsync(onPostgres);
        var made = await server.PostAsync("tasks", """{"kind":"approval","title":"Deploy?","data":{"version":"2.1"},"candidates":{"roles":["approver"],"users":["bo"]},"quorum":2,"of":3,"priority":"high"}""");
        var id = made.GetProperty("id").GetGuid();

        var listed = await server.GetAsync("tasks?status=open&mine=true&limit=10");
        Assert.Equal((1, id), (listed.GetProperty("total").GetInt32(), listed.GetProperty("items")[0].GetProperty("id").GetGuid()));
        Assert.Equal("high", made.Text("priority"));

        await server.PostAsync($"tasks/{id}/comment", """{"comment":"looking at it"}""");
        Assert.Equal("open", (await server.PostAsync($"tasks/{id}/approve", """{"comment":"fine"}""")).Text("status"));
        var repeated = await server.PostAsync($"tasks/{id}/approve", "{}");
        Assert.Equal(1, repeated.GetProperty("decisions").GetArrayLength());
        Assert.Equal(0, (await server.GetAsync("tasks?mine=true")).GetProperty("total").GetInt32());

        var other = await Tasks(server).ChangeAsync(id, step => step.Decide(Person("bo"), TaskVote.Approve, null, default), default);
        Assert.Equal("approved", other.Outcome);
        var shown = await server.GetAsync($"tasks/{id}");
        Assert.Equal("completed", shown.GetProperty("task").Text("status"));
        Assert.Equal(["created", "commented", "approve", "approve"], shown.GetProperty("history").EnumerateArray().Select(entry => entry.Text("kind")));
        Assert.Equal(1, (await server.GetAsync("tasks?status=completed&skip=0")).GetProperty("total").GetInt32());
        Assert.Equal(0, (await server.GetAsync("tasks?assignee=nobody")).GetProperty("total").GetInt32());
    }

    [Fact]
    public async Task What_is_wrong_is_told_as_problem_details()
    {
        await using var server = await StartAsync(false);
        await ProblemAsync(server, HttpMethod.Get, $"tasks/{Guid.NewGuid()}", null, HttpStatusCode.NotFound, ErrorCodes.NotFound);
        await ProblemAsync(server, HttpMethod.Post, "tasks", """{"title":"x"}""", HttpStatusCode.BadRequest, ErrorCodes.InvalidInput);
        await ProblemAsync(server, HttpMethod.Post, "tasks", """{"kind":"approval","title":"x","quorum":0}""", HttpStatusCode.BadRequest, ErrorCodes.InvalidInput);
        await ProblemAsync(server, HttpMethod.Get, "tasks?limit=0", null, HttpStatusCode.BadRequest, ErrorCodes.InvalidInput);
        var id = (await server.PostAsync("tasks", """{"kind":"task","title":"x","assignee":"bo"}""")).GetProperty("id").GetGuid();
        await ProblemAsync(server, HttpMethod.Post, $"tasks/{id}/complete", "{}", HttpStatusCode.Forbidden, ErrorCodes.NotCandidate);
        await ProblemAsync(server, HttpMethod.Post, $"tasks/{id}/delegate", "{}", HttpStatusCode.BadRequest, ErrorCodes.InvalidInput);
        using var stranger = server.As(null);
        using var refused = await stranger.GetAsync(new Uri("api/v1/tasks", UriKind.Relative));
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Many_approvers_at_once_make_one_decision_and_one_answer(bool onPostgres)
    {
        await using var server = await StartAsync(onPostgres);
        var store = Tasks(server);
        var people = Enumerable.Range(0, 12).Select(i => $"p{i}").ToList();
        var arguments = JqValue.FromObject([new("title", "t"), new("quorum", 6), new("candidates", JqValue.FromObject([new("users", JqValue.FromArray(people.Select(JqValue.From)))]))]);
        // Nobody runs under this id: the messages are looked at before they are told.
        await server.StopBackgroundAsync();
        var task = await store.CreateAsync(TaskKind.Approval, arguments, new("race", "ann") { Run = "no-such-run", Signal = "answer" }, default);

        // Each votes twice at once, half of them for and half against.
        var refusals = await Task.WhenAll(people.SelectMany((name, i) => Enumerable.Repeat(i, 2)).Select(i => Task.Run(async () =>
        {
            try
            {
                await store.ChangeAsync(task.Id, step => step.Decide(Person($"p{i}"), i % 2 == 0 ? TaskVote.Approve : TaskVote.Reject, null, default), default);
                return (string?)null;
            }
            catch (BatonException exception)
            {
                return exception.Code;
            }
        })));

        Assert.All(refusals, code => Assert.True(code is null or ErrorCodes.TaskClosed, code));
        var decided = await store.GetAsync(task.Id, default);
        Assert.Equal(TaskState.Completed, decided.State);
        var approvals = decided.Decisions.Count(decision => decision.Vote == TaskVote.Approve);
        Assert.Equal(decided.Outcome == "approved" ? 6 : 7, decided.Outcome == "approved" ? approvals : decided.Decisions.Count - approvals);
        await using var db = server.Db();
        Assert.Single(await db.Set<TaskMessage>().Where(message => message.TaskId == task.Id && message.Run != null).ToListAsync());
        Assert.Equal(decided.Decisions.Count, await db.Set<TaskEntry>().CountAsync(entry => entry.TaskId == task.Id && (entry.Kind == "approve" || entry.Kind == "reject")));
    }

    [Fact]
    public async Task The_same_question_asked_again_is_the_same_task()
    {
        await using var server = await StartAsync(false);
        var store = Tasks(server);
        var arguments = JqValue.Parse("""{"title":"t"}""");

        var tasks = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => store.CreateAsync(TaskKind.Approval, arguments, new("same", "ann"), default))));

        Assert.Single(tasks.Select(task => task.Id).Distinct());
        Assert.Single(await store.HistoryAsync(tasks[0].Id, default));
    }

    [Fact]
    public async Task A_flow_waits_for_its_approval_across_a_restart_and_the_one_who_asked_is_refused()
    {
        await using var server = await StartAsync(false);
        var queue = $"approval-{Guid.NewGuid():N}";
        var flow = FlowValidator.Validate("""
            document: { dsl: 1.0.3, namespace: tests, name: approval, version: 1.0.0 }
            do:
            - inner: { run: { workflow: { namespace: tests, name: ask, version: 1.0.0 } } }
            - out: { set: { outcome: '${ .outcome }', by: '${ .decisions[0].by }' } }
            """).Definition!;
        string run;
        using (var worker = Worker(server, queue))
        {
            run = await worker.ExecuteAsync(async () =>
            {
                var handle = await Client(server).StartWorkflowAsync(
                    (FlowWorkflow workflow) => workflow.RunAsync(new FlowStart { Definition = flow.Json, Input = JqValue.Parse("{}") }),
                    new($"run-{queue}", queue) { Memo = new Dictionary<string, object> { ["baton.startedBy"] = "Ann" } });
                await TaskAsync(server);
                return handle.Id;
            });
        }
        var task = await TaskAsync(server);
        Assert.Equal(("Ann", "tests/ask:1.0.0"), (task.Requester, task.Flow));
        await server.RestartAsync();

        var refused = await Assert.ThrowsAsync<BatonException>(() => Tasks(server).ChangeAsync(task.Id, step => step.Decide(Person("ann", "approver"), TaskVote.Approve, null, default), default));
        Assert.Equal(ErrorCodes.FourEyes, refused.Code);
        await server.PostAsync($"tasks/{task.Id}/approve", "{}");
        using var second = Worker(server, queue);
        var output = await second.ExecuteAsync(() => Client(server).GetWorkflowHandle(run).GetResultAsync<JsonElement>().WaitAsync(Patience));
        Assert.Equal("approved", output.Text("outcome"));
    }

    [Fact]
    public async Task A_run_that_is_cancelled_closes_its_task()
    {
        await using var server = await StartAsync(false);
        var queue = $"approval-{Guid.NewGuid():N}";
        using var worker = Worker(server, queue);
        await worker.ExecuteAsync(async () =>
        {
            var handle = await Client(server).StartWorkflowAsync(
                (FlowWorkflow workflow) => workflow.RunAsync(new FlowStart { Definition = FlowValidator.Validate(Ask("")).Definition!.Json, Input = JqValue.Parse("{}") }), new(queue, queue));
            var task = await TaskAsync(server);
            await handle.CancelAsync();
            await Assert.ThrowsAsync<WorkflowFailedException>(() => handle.GetResultAsync());
            Assert.Equal(TaskState.Cancelled, (await Tasks(server).GetAsync(task.Id, default)).State);
            return 0;
        });
    }

    [Fact]
    public async Task A_workflow_in_code_asks_and_withdraws()
    {
        await using var server = await StartAsync(false);
        var queue = $"code-{Guid.NewGuid():N}";
        using var worker = new TemporalWorker(Client(server), new TemporalWorkerOptions(queue).AddWorkflow<Release>());
        await worker.ExecuteAsync(async () =>
        {
            var approved = await Client(server).StartWorkflowAsync((Release workflow) => workflow.RunAsync("2.1"), new($"{queue}-a", queue));
            var task = await TaskAsync(server);
            Assert.Equal(("Release 2.1?", "ci", approved.Id), (task.Title, task.Requester, task.Run));
            await server.PostAsync($"tasks/{task.Id}/approve", """{"data":{"window":"night"}}""");
            Assert.Equal("approved by local:night", Unname(await approved.GetResultAsync().WaitAsync(Patience)));

            var cancelled = await Client(server).StartWorkflowAsync((Release workflow) => workflow.RunAsync("2.2"), new($"{queue}-b", queue));
            var second = await TaskAsync(server);
            await cancelled.CancelAsync();
            await Assert.ThrowsAsync<WorkflowFailedException>(() => cancelled.GetResultAsync());
            Assert.Equal(TaskState.Cancelled, (await Tasks(server).GetAsync(second.Id, default)).State);
            return 0;
        });

        static string Unname(string text) => string.Concat(text.AsSpan(0, "approved by local:".Length), text.AsSpan(text.IndexOf('|') + 1));
    }

    [Fact]
    public async Task A_link_shows_without_changing_and_decides_once()
    {
        await using var server = await StartAsync(false);
        var id = (await server.PostAsync("tasks", """{"kind":"approval","title":"<Deploy>?","quorum":2,"of":3}""")).GetProperty("id").GetGuid();
        var link = new Uri((await server.PostAsync($"tasks/{id}/link", """{"user":"Bo","validFor":"PT1H"}""")).Text("url")!);
        using var mail = server.As(null);
        for (var look = 0; look < 2; look++)
        {
            using var page = await mail.GetAsync(link);
            var html = await page.Content.ReadAsStringAsync();
            Assert.Contains("&lt;Deploy&gt;?", html, StringComparison.Ordinal);
            Assert.Equal("no-store", page.Headers.CacheControl!.ToString());
        }
        Assert.Empty((await Tasks(server).GetAsync(id, default)).Decisions);

        using var decided = await mail.PostAsync(link, Form("approve"));
        Assert.Equal(HttpStatusCode.OK, decided.StatusCode);
        var decision = Assert.Single((await Tasks(server).GetAsync(id, default)).Decisions);
        Assert.Equal(("bo", TaskVote.Approve, "by mail"), (decision.By, decision.Vote, decision.Comment));

        foreach (var (address, form) in new[] { (link, Form("approve")), (new Uri(link.AbsoluteUri[..^3] + "AAA"), Form("reject")), (new Uri(link, "x.y.z"), Form("reject")) })
        {
            using var refused = await mail.PostAsync(address, form);
            Assert.Equal(HttpStatusCode.Gone, refused.StatusCode);
        }
        await ProblemAsync(server, HttpMethod.Post, $"tasks/{id}/link", """{"user":"Cy","validFor":"P31D"}""", HttpStatusCode.BadRequest, ErrorCodes.InvalidInput);
        var late = new Uri((await server.PostAsync($"tasks/{id}/link", """{"user":"Cy","validFor":"PT1H"}""")).Text("url")!);
        server.Time.Advance(TimeSpan.FromHours(2));
        using var expired = await mail.PostAsync(late, Form("approve"));
        Assert.Equal(HttpStatusCode.Gone, expired.StatusCode);

        static FormUrlEncodedContent Form(string decision) => new([new("decision", decision), new("comment", "by mail")]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Replicas_at_one_timer_do_it_once(bool onPostgres)
    {
        await using var server = await StartAsync(onPostgres);
        await server.StopBackgroundAsync();
        var store = Tasks(server);
        var task = await store.CreateAsync(TaskKind.Approval, JqValue.Parse("""{"title":"t","reminders":["PT1H"],"expires":{"after":"PT2H","outcome":"rejected"}}"""), new("timer", "ann") { Run = "run", Signal = "answer" }, default);
        var clock = server.Server.Services.GetServices<Microsoft.Extensions.Hosting.IHostedService>().OfType<TaskClock>().Single();

        server.Time.Advance(TimeSpan.FromHours(1.5));
        await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => Task.Run(() => clock.TickAsync(default))));
        server.Time.Advance(TimeSpan.FromHours(1));
        await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => Task.Run(() => clock.TickAsync(default))));

        Assert.Equal(["created", "reminded", "expired"], (await store.HistoryAsync(task.Id, default)).Select(entry => entry.Kind));
        Assert.Equal((TaskState.Expired, "rejected"), ((await store.GetAsync(task.Id, default)).State, (await store.GetAsync(task.Id, default)).Outcome));
        await using var db = server.Db();
        Assert.Equal(1, await db.Set<TaskMessage>().CountAsync(message => message.Run == "run"));
    }

    private static string Ask(string more) => $$"""
        document: { dsl: 1.0.3, namespace: tests, name: ask, version: 1.0.0 }
        do: [ { ask: { call: 'approval:1.0.0@default', with: { title: Really? {{more}} } } } ]
        """;

    private static FlowWorker Worker(TestServer server, string queue) => new(
        Client(server), new FlowHost { Inbox = server.Server.Services.GetRequiredService<IFlowInbox>(), Definitions = new OneFlow(Ask(", fourEyes: true")) }, queue);

    private static ITemporalClient Client(TestServer server) => server.Server.Services.GetRequiredService<ITemporalClient>();

    private static TaskStore Tasks(TestServer server) => server.Server.Services.GetRequiredService<TaskStore>();

    private static TaskActor Person(string name, params string[] roles) => new(name, roles.ToHashSet(), false);

    /// <summary>The open task, as soon as there is one.</summary>
    private static async Task<HumanTask> TaskAsync(TestServer server)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (true)
        {
            var (items, _) = await Tasks(server).ListAsync(new(0, 10) { State = TaskState.Open }, patience.Token);
            if (items is [var task])
            {
                return task;
            }
            await Task.Yield();
        }
    }

    private async Task<TestServer> StartAsync(bool onPostgres) => onPostgres ? await TestServer.StartAsync(("Database:Postgres", await postgres.CreateDatabaseAsync())) : await TestServer.StartAsync();

    private static async Task ProblemAsync(TestServer server, HttpMethod method, string path, string? body, HttpStatusCode status, string code)
    {
        using var request = new HttpRequestMessage(method, $"api/v1/{path}") { Content = body is null ? null : new StringContent(body, System.Text.Encoding.UTF8, "application/json") };
        using var response = await server.Http.SendAsync(request);
        Assert.Equal(status, response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal(code, (await response.Content.ReadFromJsonAsync<JsonElement>()).Text("code"));
    }

    private sealed class OneFlow(string text) : IFlowDefinitions
    {
        public ValueTask<string?> FindAsync(string ns, string name, string version, CancellationToken cancellationToken) => new(text);
    }
}

/// <summary>A workflow in code that asks people.</summary>
[Workflow]
public sealed class Release
{
    private readonly HumanTasks people = new();

    [WorkflowRun]
    public async Task<string> RunAsync(string version)
    {
        var answer = await people.AskAsync(
            "approval",
            new { title = $"Release {version}?", fourEyes = true, form = new { type = "object", required = new[] { "window" } } },
            requester: "ci");
        return $"{answer.Outcome} by {answer.Decisions![0].By}|{answer.Data!.Value.GetProperty("window").GetString()}";
    }

    [WorkflowSignal(HumanTasks.Signal)]
    public Task AnsweredAsync(HumanTaskAnswer answer) => people.AnsweredAsync(answer);
}
