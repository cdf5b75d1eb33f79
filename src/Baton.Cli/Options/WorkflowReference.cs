using System.CommandLine;
using Temporalio.Api.Common.V1;

namespace Baton.Cli.Options;

/// <summary>One workflow execution: --workflow-id, and --run-id where it is not the latest run.</summary>
internal sealed class WorkflowReference
{
    private readonly Option<string> workflowId = new("--workflow-id", "-w") { Description = "Workflow id.", Required = true };
    private readonly Option<string?> runId = new("--run-id", "-r") { Description = "Run id (default: the latest run)." };

    public void AddTo(Command command)
    {
        command.Options.Add(workflowId);
        command.Options.Add(runId);
    }

    public WorkflowExecution Read(ParseResult parsed) => new()
    {
        WorkflowId = parsed.GetRequiredValue(workflowId),
        RunId = parsed.GetValue(runId) ?? "",
    };
}
