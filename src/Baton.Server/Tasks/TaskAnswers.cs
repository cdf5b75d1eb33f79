using System.Globalization;
using Baton.Jq;

namespace Baton.Server.Tasks;

/// <summary>What the world is told of a task: the answer that the run gets, and the events.</summary>
internal static class TaskAnswers
{
    /// <summary>Types of events are this and what happened: created, voted, claimed, reminded, closed...</summary>
    public const string EventPrefix = "baton.task.";

    /// <summary>The result of the functions `approval` and `task`, as their output schemas say.</summary>
    public static JqValue Of(HumanTask task)
    {
        var members = new List<KeyValuePair<string, JqValue>> { new("task", $"{task.Id}"), new("outcome", JqValue.From(task.Outcome)) };
        var last = task.Decisions.LastOrDefault();
        if (task.Kind == TaskKind.Approval)
        {
            if (task.State == TaskState.Completed && last is { Vote: TaskVote.Approve, Data.IsNull: false })
            {
                members.Add(new("data", last.Data));
            }
            members.Add(new("decisions", JqValue.FromArray(task.Decisions.Select(decision => JqValue.FromObject([new("decision", Word(decision.Vote)), .. Members(decision)])))));
        }
        else if (last is not null)
        {
            members.AddRange(Members(last));
        }
        return JqValue.FromObject(members);
    }

    /// <summary>A CloudEvent: enough to tell people, and nothing of what the task holds for those who decide.</summary>
    public static JqValue Event(HumanTask task, string what, Guid id, DateTimeOffset at) => JqValue.FromObject(
    [
        new("specversion", "1.0"),
        new("id", $"{id}"),
        new("source", "/tasks"),
        new("type", EventPrefix + what),
        new("subject", $"{task.Id}"),
        new("time", Instant(at)),
        new("datacontenttype", "application/json"),
        new("data", Data(task)),
    ]);

    private static JqValue Data(HumanTask task) => JqValue.FromObject(
    [
        new("task", $"{task.Id}"),
        new("kind", Word(task.Kind)),
        new("title", task.Title),
        new("priority", Word(task.Priority)),
        new("state", Word(task.State)),
        new("outcome", JqValue.From(task.Outcome)),
        new("assignee", JqValue.From(task.Assignee)),
        new("users", JqValue.FromArray(task.Candidates.Where(candidate => !candidate.IsRole).Select(candidate => JqValue.From(candidate.Name)))),
        new("roles", JqValue.FromArray(task.Candidates.Where(candidate => candidate.IsRole).Select(candidate => JqValue.From(candidate.Name)))),
        new("run", JqValue.From(task.Run)),
        new("due", task.DueAt is { } due ? Instant(due) : JqValue.Null),
    ]);

    private static IEnumerable<KeyValuePair<string, JqValue>> Members(TaskDecision decision)
    {
        yield return new("by", decision.By);
        yield return new("at", Instant(decision.At));
        if (decision.Comment is { } comment)
        {
            yield return new("comment", comment);
        }
        if (!decision.Data.IsNull)
        {
            yield return new("data", decision.Data);
        }
    }

    private static JqValue Instant(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    private static string Word<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();
}
