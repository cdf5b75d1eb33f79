using Baton.Jq;
using Baton.Server.Errors;
using Baton.Server.Tasks;

namespace Baton.Server.Tests.Tasks;

/// <summary>What a task allows, and what follows: in memory, with a clock that is put forward.</summary>
public sealed class TaskStepTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 8, 0, 0, TimeSpan.Zero);

    private DateTimeOffset now = Start;

    [Fact]
    public void The_requester_does_not_decide_under_four_eyes_in_any_way()
    {
        var task = Create("""{"title":"t","candidates":{"roles":["approver"],"users":["bo"]},"fourEyes":true,"quorum":1}""", requester: "Ann");

        Refused(ErrorCodes.FourEyes, task, step => step.Decide(Person("ann", "approver"), TaskVote.Approve, null, default));
        Refused(ErrorCodes.FourEyes, task, step => step.Decide(Person("ann", "approver"), TaskVote.Reject, null, default));
        Refused(ErrorCodes.FourEyes, task, step => step.Decide(new("ann", new HashSet<string>(), IsAdministrator: true), TaskVote.Approve, null, default));
        Refused(ErrorCodes.FourEyes, task, step => step.Claim(Person("ann", "approver")));
        Refused(ErrorCodes.FourEyes, task, step => step.Delegate(Person("ann", "approver"), "cy", null));
        Refused(ErrorCodes.FourEyes, task, step => step.Delegate(Person("bo"), "ANN", null));
        Refused(ErrorCodes.FourEyes, task, step => step.Link("admin", Person("ann", "approver")));

        Change(task, step => step.Decide(Person("bo"), TaskVote.Approve, null, default));
        Assert.Equal("approved", task.Outcome);
    }

    [Fact]
    public void Without_four_eyes_the_requester_decides()
    {
        var task = Create("""{"title":"t"}""", requester: "ann");

        Change(task, step => step.Decide(Person("ann", "approver"), TaskVote.Approve, null, default));

        Assert.Equal("approved", task.Outcome);
    }

    [Fact]
    public void Two_of_three_approve_and_the_answer_tells_who()
    {
        var task = Create("""{"title":"t","candidates":{"users":["ann","bo","cy"]},"quorum":2}""");

        Change(task, step => step.Decide(Person("ann"), TaskVote.Approve, "fine", default));
        Change(task, step => step.Decide(Person("bo"), TaskVote.Reject, null, default));
        Assert.Equal(TaskState.Open, task.State);
        var last = Change(task, step => step.Decide(Person("cy"), TaskVote.Approve, null, default));

        var answer = Assert.Single(last.Messages, message => message.Run is not null);
        Assert.Equal(("run", "answer"), (answer.Run, answer.Signal));
        Assert.Equal($"{task.Id}", answer.Payload["token"].GetString());
        Assert.Equal("approved", answer.Payload["value"]["outcome"].GetString());
        Assert.Equal("""[["ann","approve","fine"],["bo","reject",null],["cy","approve",null]]""",
            JqValue.FromArray(answer.Payload["value"]["decisions"].EnumerateArray().Select(d => JqValue.FromArray([d["by"], d["decision"], d["comment"]]))).ToJson());
    }

    [Fact]
    public void A_veto_by_name_or_role_rejects_at_once_and_an_administrators_roles_are_none()
    {
        const string question = """{"title":"t","candidates":{"users":["ann","bo","cy","di"]},"quorum":2,"veto":{"users":["di"],"roles":["finance"]}}""";

        var byName = Create(question);
        Change(byName, step => step.Decide(Person("di"), TaskVote.Reject, null, default));
        Assert.Equal("rejected", byName.Outcome);

        var byRole = Create(question);
        Change(byRole, step => step.Decide(Person("fay", "finance"), TaskVote.Reject, null, default));
        Assert.Equal("rejected", byRole.Outcome);

        var byAdministrator = Create(question);
        Change(byAdministrator, step => step.Decide(new("root", new HashSet<string> { "admin" }, IsAdministrator: true), TaskVote.Reject, null, default));
        Assert.Null(byAdministrator.Outcome);

        var everybody = Create("""{"title":"t","candidates":{"users":["ann","bo","cy"]},"quorum":1,"veto":true}""");
        Change(everybody, step => step.Decide(Person("cy"), TaskVote.Reject, null, default));
        Assert.Equal("rejected", everybody.Outcome);
    }

    [Fact]
    public void A_decision_sent_twice_counts_once_and_another_is_refused()
    {
        var task = Create("""{"title":"t","candidates":{"users":["ann","bo","cy"]},"quorum":2}""");
        Change(task, step => step.Decide(Person("ann"), TaskVote.Approve, null, default));

        Assert.False(Change(task, step => step.Decide(Person("ann"), TaskVote.Approve, null, default)).HasChanged);
        Refused(ErrorCodes.TaskClosed, task, step => step.Decide(Person("ann"), TaskVote.Reject, null, default));
        Assert.Single(task.Decisions);

        Change(task, step => step.Decide(Person("bo"), TaskVote.Approve, null, default));
        Assert.False(Change(task, step => step.Decide(Person("bo"), TaskVote.Approve, null, default)).HasChanged);
        Refused(ErrorCodes.TaskClosed, task, step => step.Decide(Person("cy"), TaskVote.Approve, null, default));
    }

    [Fact]
    public void Only_candidates_decide()
    {
        var task = Create("""{"title":"t","candidates":{"users":["ann"],"roles":["finance"]}}""");

        Refused(ErrorCodes.NotCandidate, task, step => step.Decide(Person("bo", "approver"), TaskVote.Approve, null, default));
        Refused(ErrorCodes.NotCandidate, task, step => step.Claim(Person("bo")));
        Refused(ErrorCodes.InvalidInput, task, step => step.Decide(Person("ann"), TaskVote.Complete, null, default));
        Change(task, step => step.Decide(Person("fay", "finance"), TaskVote.Approve, null, default));
        Assert.Equal("approved", task.Outcome);
    }

    [Fact]
    public void A_claimed_task_is_its_claimers_until_released()
    {
        var task = Create("""{"title":"t"}""", kind: TaskKind.Task);
        Change(task, step => step.Claim(Person("ann", "approver")));

        Refused(ErrorCodes.TaskClaimed, task, step => step.Claim(Person("bo", "approver")));
        Refused(ErrorCodes.TaskClaimed, task, step => step.Decide(Person("bo", "approver"), TaskVote.Complete, null, default));
        Refused(ErrorCodes.TaskClaimed, task, step => step.Release(Person("bo", "approver")));
        Change(task, step => step.Release(Person("ann", "approver")));
        Change(task, step => step.Decide(Person("bo", "approver"), TaskVote.Complete, "done", JqValue.Parse("""{"n":1}""")));
        Assert.Equal("""{"task":"ID","outcome":"completed","by":"bo","at":"2026-01-01T08:00:00.000Z","comment":"done","data":{"n":1}}""", task.Result.ToJson().Replace($"{task.Id}", "ID", StringComparison.Ordinal));
    }

    [Fact]
    public void Who_delegates_is_replaced_with_their_veto()
    {
        var task = Create("""{"title":"t","candidates":{"users":["ann","bo"],"roles":["finance"]},"quorum":2,"veto":{"users":["ann"]}}""");
        Change(task, step => step.Delegate(Person("ann"), "Eve", "on holiday"));

        Refused(ErrorCodes.NotCandidate, task, step => step.Decide(Person("ann"), TaskVote.Approve, null, default));
        Refused(ErrorCodes.NotCandidate, task, step => step.Decide(Person("ann", "finance"), TaskVote.Approve, null, default));
        Refused(ErrorCodes.Refused, task, step => step.Delegate(Person("bo"), "eve", null));
        Change(task, step => step.Decide(Person("eve"), TaskVote.Reject, null, default));
        Assert.Equal("rejected", task.Outcome);
    }

    [Fact]
    public void What_is_filled_in_must_fit_the_form()
    {
        var task = Create("""{"title":"t","form":{"type":"object","required":["amount"],"properties":{"amount":{"type":"number","maximum":100}}}}""");

        Refused(ErrorCodes.InvalidForm, task, step => step.Decide(Person("ann", "approver"), TaskVote.Approve, null, default));
        Refused(ErrorCodes.InvalidForm, task, step => step.Decide(Person("ann", "approver"), TaskVote.Approve, null, JqValue.Parse("""{"amount":101}""")));
        Assert.Empty(task.Decisions);
        Change(task, step => step.Decide(Person("ann", "approver"), TaskVote.Approve, null, JqValue.Parse("""{"amount":99}""")));
        Assert.Equal("""{"amount":99}""", task.Result["data"].ToJson());
    }

    [Fact]
    public void Reminders_escalation_and_expiry_come_in_their_time_and_once()
    {
        var task = Create("""{"title":"t","candidates":{"users":["ann"]},"reminders":["PT1H","PT2H"],"escalation":[{"after":"PT3H","to":{"users":["head"],"roles":["board"]}}],"expires":{"after":"PT4H","outcome":"rejected"}}""");
        Change(task, step => step.Claim(Person("ann")));
        Assert.Equal(Start.AddHours(1), task.NextTimerAt);
        Refused(ErrorCodes.NotCandidate, task, step => step.Decide(Person("head"), TaskVote.Approve, null, default));

        now = Start.AddMinutes(59);
        Assert.False(Change(task, step => step.Tick()).HasChanged);
        now = Start.AddHours(3);
        Assert.Equal(["reminded", "reminded", "escalated"], Change(task, step => step.Tick()).Entries.Select(entry => entry.Kind));
        Assert.Equal(["ann", "board", "head"], task.Candidates.Select(candidate => candidate.Name).Order());
        Assert.Null(task.Assignee);
        Assert.False(Change(task, step => step.Tick()).HasChanged);

        now = Start.AddHours(5);
        var expiry = Change(task, step => step.Tick());
        Assert.Equal((TaskState.Expired, "rejected", null), (task.State, task.Outcome, task.NextTimerAt));
        Assert.Equal("rejected", Assert.Single(expiry.Messages, message => message.Run is not null).Payload["value"]["outcome"].GetString());
        Refused(ErrorCodes.TaskClosed, task, step => step.Decide(Person("head"), TaskVote.Approve, null, default));
    }

    [Fact]
    public void A_withdrawn_task_answers_nobody_and_a_cancelled_one_does()
    {
        var withdrawn = Create("""{"title":"t"}""");
        Assert.DoesNotContain(Change(withdrawn, step => step.Cancel(null, null)).Messages, message => message.Run is not null);
        Assert.False(Change(withdrawn, step => step.Cancel(null, null)).HasChanged);

        var cancelled = Create("""{"title":"t"}""");
        Assert.Equal("cancelled", Assert.Single(Change(cancelled, step => step.Cancel("ann", "no need")).Messages, message => message.Run is not null).Payload["value"]["outcome"].GetString());

        var decided = Create("""{"title":"t"}""");
        Change(decided, step => step.Decide(Person("ann", "approver"), TaskVote.Approve, null, default));
        Assert.False(Change(decided, step => step.Cancel(null, null)).HasChanged);
        Assert.Equal("approved", decided.Outcome);
    }

    [Theory]
    [InlineData("""{}""", "title")]
    [InlineData("""{"title":"t","quorum":3,"of":2}""", "2 people cannot give 3 approvals")]
    [InlineData("""{"title":"t","fourEyes":true,"candidates":{"users":["ann","bo"]},"quorum":2}""", "1 of the candidates may (not Ann, who asked)")]
    [InlineData("""{"title":"t","attachments":[{"name":"x","url":"javascript:alert(1)"}]}""", "/attachments/0/url")]
    [InlineData("""{"title":"t","attachments":[{"name":"x","url":"http://"}]}""", "no http or https address")]
    [InlineData("""{"title":"t","form":{"type":"nonsense"}}""", "form")]
    [InlineData("""{"title":"t","due":"tomorrow"}""", "/due")]
    [InlineData("""{"title":"t","unknown":1}""", "unknown")]
    public void A_question_that_makes_no_sense_is_refused(string arguments, string problem)
    {
        var exception = Assert.Throws<BatonException>(() => Create(arguments, requester: "Ann"));
        Assert.Equal(ErrorCodes.InvalidInput, exception.Code);
        Assert.Contains(problem, exception.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public void Four_eyes_need_to_know_who_asked() =>
        Assert.Contains("nobody is known", Assert.Throws<BatonException>(() => Create("""{"title":"t","fourEyes":true}""", requester: null)).Cause, StringComparison.Ordinal);

    private HumanTask Create(string arguments, string? requester = "someone", TaskKind kind = TaskKind.Approval)
    {
        var task = TaskRequest.Read(kind, JqValue.Parse(arguments), new("key", requester) { Run = "run", Signal = "answer" }, now);
        Change(task, step => step.Create(requester));
        return task;
    }

    private TaskStep Change(HumanTask task, Action<TaskStep> change)
    {
        var step = new TaskStep(task, now);
        change(step);
        return step;
    }

    private void Refused(string code, HumanTask task, Action<TaskStep> change) => Assert.Equal(code, Assert.Throws<BatonException>(() => Change(task, change)).Code);

    private static TaskActor Person(string name, params string[] roles) => new(name, roles.ToHashSet(), false);
}
