using Baton.Durable.Engine;
using Google.Protobuf;
using Temporalio.Api.Workflow.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Execution;

/// <summary>Where each build first completed a task of this chain of runs: the places to reset to when a build was bad. At most 20.</summary>
internal static class ResetPointsCodec
{
    private const int Limit = 20;

    public static void Add(Step step, WorkflowRun run, RespondWorkflowTaskCompletedRequest request, long completedEventId)
    {
        var checksum = request.BinaryChecksum;
        var build = request.DeploymentOptions?.BuildId is { Length: > 0 } deployed ? deployed : request.WorkerVersionStamp?.BuildId ?? "";
        if (checksum.Length == 0 && build.Length == 0)
        {
            return;
        }

        var points = ResetPoints.Parser.ParseFrom(run.S.ResetPoints);
        if (points.Points.Any(point => point.BinaryChecksum == checksum && point.BuildId == build))
        {
            return;
        }

        points.Points.Add(new ResetPointInfo
        {
            BinaryChecksum = checksum,
            BuildId = build,
            RunId = run.RunId,
            FirstWorkflowTaskCompletedId = completedEventId,
            CreateTime = Instant.ToTimestamp(step.Now),
            Resettable = true,
        });
        while (points.Points.Count > Limit)
        {
            points.Points.RemoveAt(0);
        }

        run.S.ResetPoints = points.ToByteString();
    }

    /// <summary>The end of the first workflow task that a build completed in this run, 0 when there is none.</summary>
    public static long Find(WorkflowRun run, string buildId) =>
        ResetPoints.Parser.ParseFrom(run.S.ResetPoints).Points.FirstOrDefault(point => point.BuildId == buildId && point.RunId == run.RunId)?.FirstWorkflowTaskCompletedId ?? 0;
}
