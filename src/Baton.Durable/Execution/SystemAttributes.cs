using Baton.Durable.BuildIds;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Visibility;
using Temporalio.Api.Enums.V1;

namespace Baton.Durable.Execution;

/// <summary>Search attributes that the server sets, derived from the run's state.</summary>
internal static class SystemAttributes
{
    public static void Add(WorkflowRun run, Dictionary<string, AttributeValue> values)
    {
        if (FailWorkflowTask.IsReported(run))
        {
            values["TemporalReportedProblems"] = Keywords([$"category={run.S.TaskProblem.Category}", $"cause={run.S.TaskProblem.Cause}"]);
        }

        if (BuildIdUses.Attribute(run) is { Count: > 0 } buildIds)
        {
            values["BuildIds"] = Keywords(buildIds);
        }

        if (run.S.Versioning is { } versioning)
        {
            var (behavior, version) = Versioning.Effective(run);
            if (behavior != VersioningBehavior.Unspecified)
            {
                values["TemporalWorkflowVersioningBehavior"] = Keyword(behavior.ToString());
            }

            if (!version.IsNone)
            {
                values["TemporalWorkerDeployment"] = Keyword(version.Deployment);
                values["TemporalWorkerDeploymentVersion"] = Keyword(version.ToString());
            }

            if (behavior == VersioningBehavior.Pinned && !version.IsNone)
            {
                values["BuildIds"] = Keywords([$"pinned:{version}"]);
            }

            if (versioning.UsedVersions.Count > 0)
            {
                values["TemporalUsedWorkerDeploymentVersions"] = Keywords([.. versioning.UsedVersions]);
            }
        }

        if (!run.IsRunning || (run.S.Pause is null && !run.S.Activities.Values.Any(static activity => activity.Paused)))
        {
            return;
        }

        List<string> pauses = [.. run.S.Activities.Values.Where(static activity => activity.Paused).Select(static activity => $"property:activityType={activity.ActivityType}").Distinct()];
        if (run.S.Pause is { } pause)
        {
            pauses.Add($"Workflow:{run.Id}");
            pauses.Add($"Reason:{pause.Reason}");
        }

        values["TemporalPauseInfo"] = Keywords(pauses);
    }

    private static AttributeValue Keyword(string value) => new(AttributeType.Keyword, value);

    private static AttributeValue Keywords(IReadOnlyList<string> values) => new(AttributeType.KeywordList, values);
}
