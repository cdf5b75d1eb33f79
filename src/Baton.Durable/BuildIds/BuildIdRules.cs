using Baton.Durable.Deployments;
using Baton.Durable.Hosting;
using Baton.Durable.State;
using Temporalio.Api.TaskQueue.V1;
using Temporalio.Api.WorkflowService.V1;
using Operation = Temporalio.Api.WorkflowService.V1.UpdateWorkerVersioningRulesRequest.OperationOneofCase;

namespace Baton.Durable.BuildIds;

/// <summary>
/// Versioning rules: assignment rules give new workflows a build id, a share of them where a rule ramps up; redirect rules send the tasks of one
/// build id to another.
/// </summary>
internal static class BuildIdRules
{
    private const int MaxAssignmentRules = 100;
    private const int MaxRedirectRules = 500;

    /// <summary>The build id for a new workflow, empty when no rule takes it in.</summary>
    public static string Assign(BuildIdState state, int ramp)
    {
        foreach (var rule in state.AssignmentRules)
        {
            if (!rule.HasRamp || (ramp > 0 && ramp <= rule.RampPercentage * DeploymentRegistry.RampSteps / 100))
            {
                return rule.Target;
            }
        }

        return "";
    }

    /// <summary>Where redirect rules lead from a build id, itself when none does.</summary>
    public static string Redirect(BuildIdState state, string buildId)
    {
        // Rules have no cycle: it ends after as many steps as there are rules.
        while (state.RedirectRules.FirstOrDefault(rule => rule.Source == buildId) is { } rule)
        {
            buildId = rule.Target;
        }

        return buildId;
    }

    /// <summary>The build id and all whose tasks are redirected to it.</summary>
    public static HashSet<string> Upstream(BuildIdState state, string buildId)
    {
        HashSet<string> found = [buildId];
        while (state.RedirectRules.FirstOrDefault(rule => found.Contains(rule.Target) && !found.Contains(rule.Source)) is { } rule)
        {
            found.Add(rule.Source);
        }

        return found;
    }

    public static bool IsRedirected(BuildIdState state, string buildId) => state.RedirectRules.Any(rule => rule.Source == buildId);

    /// <summary>Whether new workflows may be given a build id; the empty one stands for workers without any.</summary>
    public static bool IsAssignable(BuildIdState state, string buildId)
    {
        foreach (var rule in state.AssignmentRules)
        {
            if (rule.Target == buildId)
            {
                return true;
            }

            if (IsFull(rule))
            {
                return false;
            }
        }

        return buildId.Length == 0;
    }

    public static bool Names(BuildIdState state, string buildId) =>
        state.AssignmentRules.Any(rule => rule.Target == buildId) || state.RedirectRules.Any(rule => rule.Source == buildId || rule.Target == buildId);

    /// <param name="isPolled">Whether workers of a build id asked lately.</param>
    /// <exception cref="ServiceException">INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS or FAILED_PRECONDITION.</exception>
    public static void Apply(BuildIdState copy, UpdateWorkerVersioningRulesRequest request, long now, Func<string, bool> isPolled)
    {
        var mayLoseUnconditional = !copy.AssignmentRules.Any(IsFull);
        switch (request.OperationCase)
        {
            case Operation.InsertAssignmentRule:
                var insert = request.InsertAssignmentRule;
                if (insert.RuleIndex < 0)
                {
                    throw ServiceErrors.InvalidArgument("rule index cannot be negative");
                }

                copy.AssignmentRules.Insert(Math.Min(insert.RuleIndex, copy.AssignmentRules.Count), Assignment(copy, insert.Rule, now));
                mayLoseUnconditional = true;
                break;
            case Operation.ReplaceAssignmentRule:
                var replace = request.ReplaceAssignmentRule;
                var replacement = Assignment(copy, replace.Rule, now);
                RequireIndex(copy, replace.RuleIndex);
                copy.AssignmentRules[replace.RuleIndex] = replacement;
                mayLoseUnconditional |= replace.Force;
                break;
            case Operation.DeleteAssignmentRule:
                RequireIndex(copy, request.DeleteAssignmentRule.RuleIndex);
                copy.AssignmentRules.RemoveAt(request.DeleteAssignmentRule.RuleIndex);
                mayLoseUnconditional |= request.DeleteAssignmentRule.Force;
                break;
            case Operation.AddCompatibleRedirectRule:
                AddRedirect(copy, request.AddCompatibleRedirectRule.Rule, now);
                break;
            case Operation.ReplaceCompatibleRedirectRule:
                RemoveRedirect(copy, request.ReplaceCompatibleRedirectRule.Rule?.SourceBuildId ?? "", "replace");
                AddRedirect(copy, request.ReplaceCompatibleRedirectRule.Rule, now);
                break;
            case Operation.DeleteCompatibleRedirectRule:
                RemoveRedirect(copy, request.DeleteCompatibleRedirectRule.SourceBuildId, "delete");
                break;
            case Operation.CommitBuildId:
                Commit(copy, request.CommitBuildId, now, isPolled);
                break;
            default:
                throw ServiceErrors.InvalidArgument("Operation is not set on request.");
        }

        RequireWhole(copy, mayLoseUnconditional);
    }

    public static TimestampedBuildIdAssignmentRule ToApi(AssignmentRuleState rule) => new()
    {
        Rule = new BuildIdAssignmentRule
        {
            TargetBuildId = rule.Target,
            PercentageRamp = rule.HasRamp ? new RampByPercentage { RampPercentage = rule.RampPercentage } : null,
        },
        CreateTime = Engine.Instant.ToTimestamp(rule.Created),
    };

    public static TimestampedCompatibleBuildIdRedirectRule ToApi(RedirectRuleState rule) => new()
    {
        Rule = new CompatibleBuildIdRedirectRule { SourceBuildId = rule.Source, TargetBuildId = rule.Target },
        CreateTime = Engine.Instant.ToTimestamp(rule.Created),
    };

    private static bool IsFull(AssignmentRuleState rule) => !rule.HasRamp || rule.RampPercentage >= 100;

    private static AssignmentRuleState Assignment(BuildIdState state, BuildIdAssignmentRule? rule, long now)
    {
        var target = rule?.TargetBuildId ?? "";
        RequireBuildId(target, "target_build_id");
        if (rule!.PercentageRamp is { } ramp && !(ramp.RampPercentage is >= 0 and < 100))
        {
            throw ServiceErrors.InvalidArgument("ramp percentage must be in range [0, 100)");
        }

        RequireInNoSet(state, target, "target");
        if (rule.PercentageRamp is not null && IsRedirected(state, target))
        {
            throw ServiceErrors.FailedPrecondition("update breaks requirement, this target build id cannot have a ramp because it is the source of a redirect rule");
        }

        return new AssignmentRuleState { Target = target, HasRamp = rule.PercentageRamp is not null, RampPercentage = rule.PercentageRamp?.RampPercentage ?? 0, Created = now };
    }

    private static void AddRedirect(BuildIdState copy, CompatibleBuildIdRedirectRule? rule, long now)
    {
        var (source, target) = (rule?.SourceBuildId ?? "", rule?.TargetBuildId ?? "");
        RequireBuildId(source, "source_build_id");
        RequireBuildId(target, "target_build_id");
        RequireInNoSet(copy, source, "source");
        RequireInNoSet(copy, target, "target");
        if (copy.AssignmentRules.Any(assignment => assignment.HasRamp && assignment.Target == source))
        {
            throw ServiceErrors.FailedPrecondition("redirect rule source build ID cannot be the target of any assignment rule with non-nil ramp");
        }

        if (copy.RedirectRules.FirstOrDefault(known => known.Source == source) is { } existing)
        {
            throw ServiceErrors.AlreadyExists($"cannot insert: source {source} already redirects to target {existing.Target}");
        }

        if (Upstream(copy, source).Contains(target))
        {
            throw ServiceErrors.FailedPrecondition("update would break acyclic requirement");
        }

        copy.RedirectRules.Insert(0, new RedirectRuleState { Source = source, Target = target, Created = now });
    }

    private static void RemoveRedirect(BuildIdState copy, string source, string what) => copy.RedirectRules.Remove(
        copy.RedirectRules.FirstOrDefault(known => known.Source == source)
        ?? throw ServiceErrors.NotFound($"cannot {what}: no redirect rule found with source ID {source}"));

    /// <summary>All new workflows go to one build id: rules for it, and those without a ramp, make place for one that takes in all.</summary>
    private static void Commit(BuildIdState copy, UpdateWorkerVersioningRulesRequest.Types.CommitBuildId request, long now, Func<string, bool> isPolled)
    {
        var target = request.TargetBuildId;
        RequireBuildId(target, "target_build_id");
        if (!request.Force && !isPolled(target))
        {
            throw ServiceErrors.FailedPrecondition($"no versioned poller with build ID '{target}' seen within the last 5 minutes, use force=true to commit anyways");
        }

        RequireInNoSet(copy, target, "target");
        foreach (var rule in copy.AssignmentRules.Where(rule => rule.Target == target || IsFull(rule)).ToList())
        {
            copy.AssignmentRules.Remove(rule);
        }

        copy.AssignmentRules.Add(new AssignmentRuleState { Target = target, Created = now });
    }

    private static void RequireWhole(BuildIdState copy, bool mayLoseUnconditional)
    {
        if (copy.AssignmentRules.Count > MaxAssignmentRules)
        {
            throw ServiceErrors.FailedPrecondition($"update exceeds number of assignment rules permitted in namespace ({copy.AssignmentRules.Count}/{MaxAssignmentRules})");
        }

        if (copy.RedirectRules.Count > MaxRedirectRules)
        {
            throw ServiceErrors.FailedPrecondition($"update exceeds number of redirect rules permitted in namespace ({copy.RedirectRules.Count}/{MaxRedirectRules})");
        }

        if (!mayLoseUnconditional && !copy.AssignmentRules.Any(IsFull))
        {
            throw ServiceErrors.FailedPrecondition("there must exist at least one fully-ramped 'unconditional' assignment rule, use force=true to bypass this requirement");
        }
    }

    private static void RequireIndex(BuildIdState state, int index)
    {
        if (index < 0 || index >= state.AssignmentRules.Count)
        {
            throw ServiceErrors.InvalidArgument($"rule index {index} is out of bounds for assignment rule list of length {state.AssignmentRules.Count}");
        }
    }

    private static void RequireInNoSet(BuildIdState state, string buildId, string what)
    {
        if (BuildIdSets.Find(state, buildId) is not null)
        {
            throw ServiceErrors.FailedPrecondition($"update breaks requirement, {what} build id {buildId} is already a member of a version set");
        }
    }

    private static void RequireBuildId(string buildId, string field)
    {
        if (buildId.Length is 0 or > 255)
        {
            throw ServiceErrors.InvalidArgument($"{field} must have 1 to 255 characters");
        }
    }
}
