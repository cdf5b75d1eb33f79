using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Hosting;
using Baton.Durable.State;
using Baton.Durable.Storage;
using Baton.Durable.Visibility;
using Google.Protobuf;
using Temporalio.Api.Rules.V1;

namespace Baton.Durable.Rules;

/// <summary>
/// Workflow rules: an activity that is about to start, of a workflow that a query selects and itself selected by a predicate, is paused. Documents
/// on disk, parsed in memory; all on the engine's loop.
/// </summary>
internal sealed class WorkflowRules
{
    /// <summary>Rules of one namespace.</summary>
    public const int MaxRules = 10;

    private const string DocumentKind = "workflow-rule";

    private static readonly Dictionary<string, AttributeType> activityAttributes = new()
    {
        ["ActivityId"] = AttributeType.Keyword,
        ["ActivityType"] = AttributeType.Keyword,
        ["ActivityAttempt"] = AttributeType.Int,
        ["BackoffInterval"] = AttributeType.Int,
        ["ActivityStatus"] = AttributeType.Keyword,
        ["TaskQueueName"] = AttributeType.Keyword,
    };

    private readonly Dictionary<string, SortedDictionary<string, ParsedRule>> byNamespace = [];

    public void Load(IDocumentReader documents, NamespaceRegistry namespaces)
    {
        byNamespace.Clear();
        foreach (var (key, value) in documents.List(DocumentKind))
        {
            var namespaceId = key[..key.IndexOf('\n', StringComparison.Ordinal)];
            if (namespaces.TryGetById(namespaceId, out var space))
            {
                var rule = WorkflowRule.Parser.ParseFrom(value);
                Of(space)[rule.Spec.Id] = Restore(space, rule);
            }
        }
    }

    public IEnumerable<WorkflowRule> List(NamespaceEntry space) => Of(space).Values.Select(static parsed => parsed.Rule);

    public ParsedRule? Find(NamespaceEntry space, string id) => Of(space).GetValueOrDefault(id);

    /// <param name="parsed">Checked already.</param>
    public void Put(Step step, NamespaceEntry space, ParsedRule parsed)
    {
        Of(space)[parsed.Rule.Spec.Id] = parsed;
        step.PutDocument(DocumentKind, $"{space.Id}\n{parsed.Rule.Spec.Id}", parsed.Rule.ToByteArray());
    }

    public void Remove(Step step, NamespaceEntry space, string id)
    {
        Of(space).Remove(id);
        step.PutDocument(DocumentKind, $"{space.Id}\n{id}", null);
    }

    /// <exception cref="ServiceException">INVALID_ARGUMENT: something is missing, or a query is broken.</exception>
    public static ParsedRule Parse(NamespaceEntry space, WorkflowRuleSpec spec)
    {
        if (spec.ActivityStart is null)
        {
            throw ServiceErrors.InvalidArgument("Workflow Rule trigger is not set.");
        }

        if (spec.Actions.Count == 0 || spec.Actions.Any(static action => action.ActivityPause is null))
        {
            throw ServiceErrors.InvalidArgument("Workflow Rule actions are not set, or unknown: an action is activity_pause.");
        }

        try
        {
            return new ParsedRule(
                new WorkflowRule { Spec = spec },
                VisibilityQuery.Parse(spec.VisibilityQuery, space.CustomAttributes, EntityKind.Workflow).Filter,
                VisibilityQuery.Parse(spec.ActivityStart.Predicate, activityAttributes, EntityKind.Workflow).Filter);
        }
        catch (VisibilityQueryException problem)
        {
            throw ServiceErrors.InvalidArgument(problem.Message);
        }
    }

    /// <summary>A worker is about to get an activity. False when a rule paused it instead.</summary>
    public bool MayStart(Step step, WorkflowRun run, ActivityState activity)
    {
        if (!byNamespace.TryGetValue(run.NamespaceId, out var rules) || rules.Count == 0)
        {
            return true;
        }

        foreach (var parsed in rules.Values)
        {
            if (Instant.From(parsed.Rule.Spec.ExpirationTime) is var expires && (expires == 0 || expires > step.Now) && Apply(step, run, activity, parsed))
            {
                return false;
            }
        }

        return true;
    }

    /// <returns>Whether the rule selects the activity, which then is paused.</returns>
    public static bool Apply(Step step, WorkflowRun run, ActivityState activity, ParsedRule parsed)
    {
        if (activity.Paused || !parsed.IsUsable || !VisibilityPredicate.Matches(parsed.Predicate, Record(activity)) || !VisibilityPredicate.Matches(parsed.Query, run.ToVisibility()))
        {
            return false;
        }

        ActivityControl.Pause(step, run, activity, parsed.Rule.CreatedByIdentity, parsed.Rule.Description, requestId: "");
        activity.PauseRuleId = parsed.Rule.Spec.Id;
        return true;
    }

    private SortedDictionary<string, ParsedRule> Of(NamespaceEntry space)
    {
        if (!byNamespace.TryGetValue(space.Id, out var rules))
        {
            byNamespace.Add(space.Id, rules = new SortedDictionary<string, ParsedRule>(StringComparer.Ordinal));
        }

        return rules;
    }

    private static ParsedRule Restore(NamespaceEntry space, WorkflowRule rule)
    {
        try
        {
            return Parse(space, rule.Spec) with { Rule = rule };
        }
        catch (ServiceException)
        {
            // It names a search attribute that was removed since: it is shown, and selects nothing.
            return new ParsedRule(rule, null, null, IsUsable: false);
        }
    }

    private static VisibilityRecord Record(ActivityState activity) => new()
    {
        RunKey = 0,
        Kind = EntityKind.Workflow,
        NamespaceId = "",
        Id = "",
        RunId = "",
        TaskQueue = activity.TaskQueue,
        Attributes = new Dictionary<string, AttributeValue>
        {
            ["ActivityId"] = new(AttributeType.Keyword, activity.ActivityId),
            ["ActivityType"] = new(AttributeType.Keyword, activity.ActivityType),
            ["ActivityAttempt"] = new(AttributeType.Int, (long)activity.Attempt),
            ["BackoffInterval"] = new(AttributeType.Int, activity.RetryInterval / Instant.Second),
            ["ActivityStatus"] = new(AttributeType.Keyword, activity.StartedTime > 0 ? "Started" : "Scheduled"),
            ["TaskQueueName"] = new(AttributeType.Keyword, activity.TaskQueue),
        },
    };
}

/// <param name="Query">What selects workflows; null for all.</param>
/// <param name="Predicate">What selects activities; null for all.</param>
internal sealed record ParsedRule(WorkflowRule Rule, VisibilityFilter? Query, VisibilityFilter? Predicate, bool IsUsable = true);
