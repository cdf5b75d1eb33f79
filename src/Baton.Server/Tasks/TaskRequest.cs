using System.Globalization;
using Baton.Flows.Expressions;
using Baton.Flows.Functions;
using Baton.Flows.Schemas;
using Baton.Jq;
using Baton.Server.Errors;

namespace Baton.Server.Tasks;

/// <summary>Who asks, and how the answer reaches them.</summary>
/// <param name="CallKey">The same for the same question asked again.</param>
internal sealed record TaskOrigin(string CallKey, string? Requester)
{
    public string? Run { get; init; }

    public string? Signal { get; init; }

    public string? Flow { get; init; }

    public string? FlowTask { get; init; }
}

/// <summary>
/// Reads what is asked: the arguments of the functions `approval` and `task`, whose schemas are the one description of a
/// task for flows, for the HTTP API and for workflows in code.
/// </summary>
internal static class TaskRequest
{
    private const string DefaultRole = Identity.Roles.Approver;

    private static readonly Dictionary<TaskKind, JsonSchema> Schemas = Enum.GetValues<TaskKind>()
        .ToDictionary(kind => kind, kind => JsonSchema.Parse(BuiltInFunctions.Catalogue.Find($"{kind.ToString().ToLowerInvariant()}:1.0.0")!.Descriptor.Input));

    /// <exception cref="BatonException">All that is wrong with it.</exception>
    public static HumanTask Read(TaskKind kind, JqValue arguments, TaskOrigin origin, DateTimeOffset now)
    {
        Check([.. Schemas[kind].Validate(arguments).Select(problem => $"{problem}")]);
        var problems = new List<string>();
        var candidates = People(arguments["candidates"]);
        var assignee = Text(arguments["assignee"]) is { } one ? TaskActor.Normal(one) : null;
        if (candidates is { Users: [], Roles: [] } && assignee is null)
        {
            candidates = candidates with { Roles = [DefaultRole] };
        }
        var quorum = Number(arguments["quorum"]) ?? 1;
        var of = Number(arguments["of"]) ?? Math.Max(quorum, candidates.Users.Count);
        var fourEyes = arguments["fourEyes"].IsTruthy;
        var escalations = Each(arguments["escalation"]).Select(step => new TaskTimer(Moment(step["after"]), TaskTimerKind.Escalate, People(step["to"]))).ToList();
        CheckQuorum();
        CheckForm(arguments["form"], problems);
        var expires = arguments["expires"]["after"] is { IsNull: false } after ? Moment(after) : (DateTimeOffset?)null;
        var attachments = Each(arguments["attachments"]).Select(link => new TaskAttachment(link["name"].GetString(), link["url"].GetString())).ToList();
        problems.AddRange(attachments.Where(link => !Uri.TryCreate(link.Url, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https")).Select(link => $"attachments: '{link.Url}' is no http or https address"));
        Check(problems);
        var task = new HumanTask
        {
            Kind = kind,
            CallKey = origin.CallKey,
            Requester = origin.Requester,
            Run = origin.Run,
            Signal = origin.Signal,
            Flow = origin.Flow,
            FlowTask = origin.FlowTask,
            Title = arguments["title"].GetString(),
            Description = Text(arguments["description"]),
            Data = arguments["data"],
            Form = arguments["form"],
            Attachments = attachments,
            Priority = Text(arguments["priority"]) is { } priority ? Enum.Parse<TaskPriority>(priority, ignoreCase: true) : TaskPriority.Normal,
            Quorum = quorum,
            Of = of,
            FourEyes = fourEyes,
            AnyVeto = arguments["veto"].Kind == JqKind.Boolean && arguments["veto"].IsTruthy,
            Assignee = assignee,
            CreatedAt = now,
            DueAt = arguments["due"].IsNull ? null : Moment(arguments["due"]),
            ExpiresAt = expires,
            Timers =
            [
                .. Each(arguments["reminders"]).Select(at => new TaskTimer(Moment(at), TaskTimerKind.Remind))
                    .Concat(escalations)
                    .Concat(expires is { } end ? [new TaskTimer(end, TaskTimerKind.Expire, Outcome: Text(arguments["expires"]["outcome"]) ?? "expired")] : [])
                    .OrderBy(timer => timer.At),
            ],
        };
        task.Candidates.AddRange(Candidates(task.Id, candidates, People(arguments["veto"])));
        return task;

        void CheckQuorum()
        {
            if (of < quorum)
            {
                problems.Add($"of: {of} people cannot give {quorum} approvals");
            }
            if (fourEyes && origin.Requester is null)
            {
                problems.Add("fourEyes: nobody is known as the one who asked for this run");
            }
            // Named people alone: it is known who can approve. Roles may have any number.
            var later = escalations.Select(step => step.To!).ToList();
            if (candidates.Roles.Count == 0 && later.TrueForAll(people => people.Roles.Count == 0))
            {
                var able = candidates.Users.Concat(later.SelectMany(people => people.Users)).Append(assignee ?? "")
                    .Where(user => user.Length > 0 && !(fourEyes && origin.Requester is { } requester && user == TaskActor.Normal(requester))).Distinct().Count();
                if (able < quorum)
                {
                    problems.Add($"quorum: {quorum} must approve, and {able} of the candidates may{(fourEyes ? $" (not {origin.Requester}, who asked)" : "")}");
                }
            }
        }

        DateTimeOffset Moment(JqValue text) => FlowDurations.TryParse(text.GetString(), out var duration)
            ? now + duration
            : DateTimeOffset.Parse(text.GetString(), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal);
    }

    private static void CheckForm(JqValue form, List<string> problems)
    {
        if (form.IsNull)
        {
            return;
        }
        try
        {
            JsonSchema.Parse(form);
        }
        catch (JsonSchemaException exception)
        {
            problems.Add($"form: {exception.Message}");
        }
    }

    /// <summary>A veto makes a candidate of whoever has it.</summary>
    private static IEnumerable<TaskCandidate> Candidates(Guid id, TaskPeople people, TaskPeople veto) =>
        people.Roles.Union(veto.Roles).Select(role => new TaskCandidate { TaskId = id, IsRole = true, Name = role, HasVeto = veto.Roles.Contains(role) })
            .Concat(people.Users.Union(veto.Users).Select(user => new TaskCandidate { TaskId = id, Name = user, HasVeto = veto.Users.Contains(user) }));

    private static void Check(List<string> problems)
    {
        if (problems.Count > 0)
        {
            throw new BatonException(ErrorCodes.InvalidInput, "the task is not valid", string.Join("; ", problems), "`baton function show approval` and `baton function show task` say what they take");
        }
    }

    private static TaskPeople People(JqValue people) => people.Kind != JqKind.Object ? TaskPeople.None : new(Names(people["users"]), Names(people["roles"]));

    private static List<string> Names(JqValue names) => [.. Each(names).Select(name => TaskActor.Normal(name.GetString())).Distinct()];

    private static IEnumerable<JqValue> Each(JqValue list) => list.Kind == JqKind.Array ? list.EnumerateArray() : [];

    private static string? Text(JqValue value) => value.TryGetString(out var text) ? text : null;

    private static int? Number(JqValue value) => value.Kind == JqKind.Number ? (int)value.GetDouble() : null;
}
