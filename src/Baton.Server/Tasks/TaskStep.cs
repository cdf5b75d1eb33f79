using System.Globalization;
using Baton.Flows.Schemas;
using Baton.Jq;
using Baton.Server.Errors;
using Baton.Server.Secrets;

namespace Baton.Server.Tasks;

/// <summary>
/// One change of a task: pure, in memory, on what was read. It checks who may, changes the task, and lists what is to be
/// written with it: entries of its history and messages to the world. Invariants:
/// <list type="number">
/// <item>A task closes once; what is asked of a closed one is refused, or, if it was done before by the same person, done already.</item>
/// <item>Under four eyes the requester does not decide, in no role, by no link and in nobody's place.</item>
/// <item>A person decides once, and either they or the one in their place.</item>
/// <item>Closing writes one answer to the run, if a run asks.</item>
/// </list>
/// </summary>
/// <param name="task">As it was read.</param>
/// <param name="now">When the change is made.</param>
/// <param name="redactor">Cleans what people write; null where there is no secret to know.</param>
internal sealed class TaskStep(HumanTask task, DateTimeOffset now, Redactor? redactor = null)
{
    public HumanTask Task => task;

    public List<TaskEntry> Entries { get; } = [];

    public List<TaskMessage> Messages { get; } = [];

    /// <summary>Whether anything is to be written.</summary>
    public bool HasChanged => Entries.Count > 0;

    public void Create(string? by)
    {
        Note("created", by, null);
        Tell("created");
        Schedule();
    }

    /// <summary>Approves, rejects or completes.</summary>
    /// <exception cref="BatonException">Not allowed, or not with this data.</exception>
    public void Decide(TaskActor actor, TaskVote vote, string? comment, JqValue data)
    {
        if (vote == TaskVote.Complete != (task.Kind == TaskKind.Task))
        {
            throw new BatonException(
                ErrorCodes.InvalidInput, $"task {task.Id} cannot be {Past(vote)}", task.Kind == TaskKind.Task ? "it is work, and no question" : "it is a question, and no work",
                task.Kind == TaskKind.Task ? "complete it" : "approve or reject it");
        }
        if (task.Decisions.Find(decision => decision.By == actor.Name) is { } earlier)
        {
            // The answer to the first request may have been lost.
            if (earlier.Vote != vote)
            {
                throw new BatonException(ErrorCodes.TaskClosed, $"{actor.Name} has {Past(earlier.Vote)} task {task.Id} already", null, "a decision stands; ask for a new task if it was wrong");
            }
            return;
        }
        DemandOpen();
        var veto = DemandRight(actor);
        if (task.Assignee is { } assignee && assignee != actor.Name)
        {
            throw new BatonException(ErrorCodes.TaskClaimed, $"task {task.Id} is {assignee}'s", "it is claimed or was given to one person", $"ask {assignee} to release it");
        }
        DemandForm(vote, data);
        task.Decisions.Add(new() { TaskId = task.Id, By = actor.Name, Vote = vote, IsVeto = veto, At = now, Comment = Clean(comment), Data = redactor?.Clean(data) ?? data });
        Note(vote.ToString().ToLowerInvariant(), actor.Name, comment);
        var outcome = vote == TaskVote.Complete
            ? "completed"
            : TaskRules.Outcome(task.Quorum, task.Of, [.. task.Decisions.Select(decision => (decision.Vote, decision.IsVeto))]);
        if (outcome is not null)
        {
            Close(TaskState.Completed, outcome);
        }
        else
        {
            Tell("voted");
        }
    }

    public void Claim(TaskActor actor)
    {
        if (task.State == TaskState.Open && task.Assignee == actor.Name)
        {
            return;
        }
        DemandOpen();
        DemandRight(actor);
        if (task.Assignee is { } assignee)
        {
            throw new BatonException(ErrorCodes.TaskClaimed, $"task {task.Id} is {assignee}'s", null, $"ask {assignee} to release it");
        }
        if (task.Of > 1)
        {
            throw new BatonException(ErrorCodes.Refused, $"task {task.Id} cannot be claimed", $"{task.Of} people are asked", "approve or reject it");
        }
        task.Assignee = actor.Name;
        Note("claimed", actor.Name, null);
        Tell("claimed");
    }

    public void Release(TaskActor actor)
    {
        DemandOpen();
        if (task.Assignee is null)
        {
            return;
        }
        if (task.Assignee != actor.Name && !actor.IsAdministrator)
        {
            throw new BatonException(ErrorCodes.TaskClaimed, $"task {task.Id} is {task.Assignee}'s", null, $"ask {task.Assignee} to release it");
        }
        task.Assignee = null;
        Note("released", actor.Name, null);
        Tell("released");
    }

    /// <summary>Lets another person decide in the actor's place.</summary>
    public void Delegate(TaskActor actor, string to, string? comment)
    {
        to = TaskActor.Normal(to);
        if (task.Candidates.Exists(candidate => candidate is { IsRole: false } && candidate.Name == to && candidate.InPlaceOf == actor.Name))
        {
            return;
        }
        DemandOpen();
        var veto = DemandRight(actor);
        if (task.Decisions.Exists(decision => decision.By == actor.Name))
        {
            throw new BatonException(ErrorCodes.TaskClosed, $"{actor.Name} has decided task {task.Id} already", null, "a decision stands");
        }
        if (task.FourEyes && IsRequester(to))
        {
            throw FourEyes(to);
        }
        if (to == actor.Name || task.Candidates.Exists(candidate => !candidate.IsRole && candidate.Name == to) || task.Decisions.Exists(decision => decision.By == to))
        {
            throw new BatonException(ErrorCodes.Refused, $"task {task.Id} cannot be delegated to {to}", $"{to} decides it already", "choose somebody who is not asked yet");
        }
        task.Candidates.RemoveAll(candidate => !candidate.IsRole && candidate.Name == actor.Name);
        task.Candidates.Add(new() { TaskId = task.Id, Name = to, HasVeto = veto && !task.AnyVeto, InPlaceOf = actor.Name });
        if (task.Assignee == actor.Name)
        {
            task.Assignee = to;
        }
        Note("delegated", actor.Name, comment is null ? $"to {to}" : $"to {to}: {comment}");
        Tell("delegated");
    }

    public void Comment(TaskActor actor, string text)
    {
        Note("commented", actor.Name, text);
        Tell("commented");
    }

    /// <summary>Notes that a link was made with which a person can decide.</summary>
    public void Link(string by, TaskActor actor)
    {
        DemandOpen();
        DemandRight(actor);
        Note("linked", by, $"for {actor.Name}");
    }

    /// <param name="by">Null for the run, which no longer waits.</param>
    public void Cancel(string? by, string? reason)
    {
        if (task.State == TaskState.Cancelled)
        {
            return;
        }
        if (by is null && task.State != TaskState.Open)
        {
            return;
        }
        DemandOpen();
        Note("cancelled", by, reason);
        Close(TaskState.Cancelled, "cancelled", answers: by is not null);
    }

    /// <summary>Does what is due by itself.</summary>
    public void Tick()
    {
        while (task.State == TaskState.Open && task.Timers is [var due, ..] && due.At <= now)
        {
            task.Timers = [.. task.Timers.Skip(1)];
            switch (due.Kind)
            {
                case TaskTimerKind.Remind:
                    Note("reminded", null, null);
                    Tell("reminded");
                    break;
                case TaskTimerKind.Escalate:
                    Escalate(due.To!);
                    break;
                default:
                    Note("expired", null, due.Outcome);
                    Close(TaskState.Expired, due.Outcome!);
                    break;
            }
        }
        Schedule();
    }

    private void Escalate(TaskPeople to)
    {
        var added = to.Roles.Select(role => (IsRole: true, Name: role)).Concat(to.Users.Select(user => (IsRole: false, Name: user)))
            .Where(one => !task.Candidates.Exists(candidate => candidate.IsRole == one.IsRole && candidate.Name == one.Name)).ToList();
        task.Candidates.AddRange(added.Select(one => new TaskCandidate { TaskId = task.Id, IsRole = one.IsRole, Name = one.Name }));
        // Whoever has it did nothing with it in time: others must be able to.
        task.Assignee = null;
        Note("escalated", null, string.Join(", ", added.Select(one => one.IsRole ? $"role {one.Name}" : one.Name)));
        Tell("escalated");
    }

    private void Close(TaskState state, string outcome, bool answers = true)
    {
        task.State = state;
        task.Outcome = outcome;
        task.ClosedAt = now;
        task.Timers = [];
        task.Result = TaskAnswers.Of(task);
        Schedule();
        if (answers && task is { Run: { } run, Signal: { } signal })
        {
            Messages.Add(new() { TaskId = task.Id, Run = run, Signal = signal, DueAt = now, Payload = JqValue.FromObject([new("token", $"{task.Id}"), new("value", task.Result)]) });
        }
        Tell("closed");
    }

    private void Schedule() => task.NextTimerAt = task.State == TaskState.Open && task.Timers is [var first, ..] ? first.At : null;

    private void Note(string kind, string? by, string? text) => Entries.Add(new() { TaskId = task.Id, At = now, By = by, Kind = kind, Text = Clean(text) });

    private string? Clean(string? text) => redactor is null ? text : redactor.Redact(text);

    private void Tell(string what)
    {
        var id = Guid.CreateVersion7(now);
        Messages.Add(new() { Id = id, TaskId = task.Id, DueAt = now, Payload = TaskAnswers.Event(task, what, id, now) });
    }

    private void DemandOpen()
    {
        if (task.State != TaskState.Open)
        {
            throw new BatonException(
                ErrorCodes.TaskClosed, $"task {task.Id} is closed", $"it was {task.Outcome} at {task.ClosedAt?.UtcDateTime.ToString("u", CultureInfo.InvariantCulture)}", "`baton task show` tells who decided");
        }
    }

    /// <returns>Whether the actor has a veto.</returns>
    private bool DemandRight(TaskActor actor)
    {
        if (task.FourEyes && IsRequester(actor.Name))
        {
            throw FourEyes(actor.Name);
        }
        if (task.Candidates.Find(candidate => candidate.InPlaceOf == actor.Name) is { } substitute)
        {
            throw new BatonException(ErrorCodes.NotCandidate, $"{actor.Name} may not decide task {task.Id}", $"{substitute.Name} decides in {actor.Name}'s place", $"ask {substitute.Name}");
        }
        var rights = task.Candidates.FindAll(candidate => candidate.IsRole ? actor.HasRole(candidate.Name, task) : candidate.Name == actor.Name);
        if (rights.Count == 0 && task.Assignee != actor.Name)
        {
            throw new BatonException(
                ErrorCodes.NotCandidate, $"{actor.Name} may not decide task {task.Id}", $"it is for {string.Join(", ", task.Candidates.Select(candidate => candidate.IsRole ? $"the role {candidate.Name}" : candidate.Name))}",
                "ask one of them, or to delegate it to you");
        }
        // An administrator's having every role is no veto of each.
        return task.AnyVeto || rights.Exists(candidate => candidate.HasVeto && (!candidate.IsRole || actor.Holds(candidate.Name, task)));
    }

    private bool IsRequester(string name) => task.Requester is { } requester && TaskActor.Normal(requester) == name;

    private BatonException FourEyes(string name) => new(
        ErrorCodes.FourEyes, $"{name} may not decide task {task.Id}", "they asked for it, and it takes four eyes", "let somebody else decide");

    private void DemandForm(TaskVote vote, JqValue data)
    {
        if (task.Form.IsNull || vote == TaskVote.Reject)
        {
            return;
        }
        var problems = JsonSchema.Parse(task.Form).Validate(data);
        if (problems.Count > 0)
        {
            throw new BatonException(ErrorCodes.InvalidForm, $"what was filled in does not fit the form of task {task.Id}", string.Join("; ", problems), "`baton task show` prints the form; give the data with --data");
        }
    }

    private static string Past(TaskVote vote) => vote switch
    {
        TaskVote.Approve => "approved",
        TaskVote.Reject => "rejected",
        _ => "completed",
    };
}
