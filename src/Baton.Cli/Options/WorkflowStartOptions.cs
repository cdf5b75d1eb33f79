using System.CommandLine;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Sdk.V1;
using Temporalio.Api.TaskQueue.V1;
using Temporalio.Api.Workflow.V1;
using Temporalio.Api.WorkflowService.V1;
using Duration = Google.Protobuf.WellKnownTypes.Duration;

namespace Baton.Cli.Options;

/// <summary>What workflow to start and how; shared by `workflow start`, `workflow execute` and `schedule`.</summary>
internal sealed class WorkflowStartOptions
{
    private readonly Option<string?> workflowId = new("--workflow-id", "-w") { Description = "Workflow id (default: a new UUID)." };
    private readonly Option<string> type = new("--type") { Description = "Workflow type.", Required = true };
    private readonly Option<string> taskQueue = new("--task-queue", "-t") { Description = "Task queue.", Required = true };
    private readonly Option<TimeSpan?> executionTimeout = Values.Duration("--execution-timeout", "Limit over all runs of the workflow.");
    private readonly Option<TimeSpan?> runTimeout = Values.Duration("--run-timeout", "Limit of one run.");
    private readonly Option<TimeSpan?> taskTimeout = Values.Duration("--task-timeout", "Limit of one workflow task (default: 10s).");
    private readonly Option<KeyValuePair<string, string>[]> memo = Values.JsonPairs("--memo", "Memo field.");
    private readonly Option<KeyValuePair<string, string>[]> searchAttribute = Values.JsonPairs("--search-attribute", "Search attribute.");
    private readonly Option<KeyValuePair<string, string>[]> headers = Values.JsonPairs("--headers", "Workflow header.");
    private readonly Option<string?> staticSummary = new("--static-summary") { Description = "One line about the workflow." };
    private readonly Option<string?> staticDetails = new("--static-details") { Description = "More about the workflow, Markdown." };
    private readonly Option<int?> priorityKey = new("--priority-key") { Description = "Priority, 1 (first) to 5 (last)." };
    private readonly Option<string?> fairnessKey = new("--fairness-key") { Description = "Key among which work is shared fairly." };
    private readonly Option<float?> fairnessWeight = new("--fairness-weight") { Description = "Weight of the fairness key." };

    private readonly InputOptions input = new();

    public void AddTo(Command command)
    {
        foreach (var option in new Option[]
        {
            workflowId, type, taskQueue, executionTimeout, runTimeout, taskTimeout, memo, searchAttribute, headers,
            staticSummary, staticDetails, priorityKey, fairnessKey, fairnessWeight,
        })
        {
            command.Options.Add(option);
        }
        input.AddTo(command);
    }

    public StartWorkflowExecutionRequest Request(ServerCall call)
    {
        var parsed = call.Parsed;
        var request = new StartWorkflowExecutionRequest
        {
            Namespace = call.Namespace,
            Identity = call.Identity,
            RequestId = Guid.NewGuid().ToString(),
            WorkflowId = WorkflowId(parsed),
            WorkflowType = new WorkflowType { Name = parsed.GetRequiredValue(type) },
            TaskQueue = new TaskQueue { Name = parsed.GetRequiredValue(taskQueue) },
            Input = input.Read(parsed),
            WorkflowExecutionTimeout = ToDuration(parsed.GetValue(executionTimeout)),
            WorkflowRunTimeout = ToDuration(parsed.GetValue(runTimeout)),
            WorkflowTaskTimeout = ToDuration(parsed.GetValue(taskTimeout)),
            Memo = Memo(parsed),
            SearchAttributes = SearchAttributes(parsed, searchAttribute),
            Header = Header(parsed),
            UserMetadata = Metadata(parsed),
            Priority = Priority(parsed),
        };
        return request;
    }

    /// <summary>The same as a schedule's action.</summary>
    public NewWorkflowExecutionInfo Action(ServerCall call)
    {
        var request = Request(call);
        return new NewWorkflowExecutionInfo
        {
            WorkflowId = request.WorkflowId,
            WorkflowType = request.WorkflowType,
            TaskQueue = request.TaskQueue,
            Input = request.Input,
            WorkflowExecutionTimeout = request.WorkflowExecutionTimeout,
            WorkflowRunTimeout = request.WorkflowRunTimeout,
            WorkflowTaskTimeout = request.WorkflowTaskTimeout,
            Memo = request.Memo,
            SearchAttributes = request.SearchAttributes,
            Header = request.Header,
            UserMetadata = request.UserMetadata,
            Priority = request.Priority,
        };
    }

    public static SearchAttributes? SearchAttributes(ParseResult parsed, Option<KeyValuePair<string, string>[]> option)
    {
        if (parsed.GetValue(option) is not { Length: > 0 } pairs)
        {
            return null;
        }
        var attributes = new SearchAttributes();
        foreach (var (key, json) in pairs)
        {
            attributes.IndexedFields[key] = InputOptions.Json(json);
        }
        return attributes;
    }

    public static Memo? Memo(ParseResult parsed, Option<KeyValuePair<string, string>[]> option)
    {
        if (parsed.GetValue(option) is not { Length: > 0 } pairs)
        {
            return null;
        }
        var memo = new Memo();
        foreach (var (key, json) in pairs)
        {
            memo.Fields[key] = InputOptions.Json(json);
        }
        return memo;
    }

    public static Duration? ToDuration(TimeSpan? span) => span is { } value ? Duration.FromTimeSpan(value) : null;

    private string WorkflowId(ParseResult parsed) => parsed.GetValue(workflowId) ?? Guid.NewGuid().ToString();

    private Memo? Memo(ParseResult parsed) => Memo(parsed, memo);

    private Header? Header(ParseResult parsed)
    {
        if (parsed.GetValue(headers) is not { Length: > 0 } pairs)
        {
            return null;
        }
        var header = new Header();
        foreach (var (key, json) in pairs)
        {
            header.Fields[key] = InputOptions.Json(json);
        }
        return header;
    }

    private UserMetadata? Metadata(ParseResult parsed)
    {
        var summary = parsed.GetValue(staticSummary);
        var details = parsed.GetValue(staticDetails);
        if (summary is null && details is null)
        {
            return null;
        }
        return new UserMetadata
        {
            Summary = summary is null ? null : InputOptions.Json(System.Text.Json.JsonSerializer.Serialize(summary)),
            Details = details is null ? null : InputOptions.Json(System.Text.Json.JsonSerializer.Serialize(details)),
        };
    }

    private Priority? Priority(ParseResult parsed)
    {
        if (parsed.GetValue(priorityKey) is null && parsed.GetValue(fairnessKey) is null && parsed.GetValue(fairnessWeight) is null)
        {
            return null;
        }
        return new Priority
        {
            PriorityKey = parsed.GetValue(priorityKey) ?? 0,
            FairnessKey = parsed.GetValue(fairnessKey) ?? "",
            FairnessWeight = parsed.GetValue(fairnessWeight) ?? 0,
        };
    }

    /// <summary>What `workflow start` and `workflow execute` have beyond a schedule's action.</summary>
    internal sealed class Policies
    {
        private readonly Option<WorkflowIdReusePolicy?> reuse = Values.Choice(
            "--id-reuse-policy",
            "What a closed workflow of this id means.",
            ("AllowDuplicate", WorkflowIdReusePolicy.AllowDuplicate),
            ("AllowDuplicateFailedOnly", WorkflowIdReusePolicy.AllowDuplicateFailedOnly),
            ("RejectDuplicate", WorkflowIdReusePolicy.RejectDuplicate));

        private readonly Option<WorkflowIdConflictPolicy?> conflict = Values.Choice(
            "--id-conflict-policy",
            "What a running workflow of this id means.",
            ("Fail", WorkflowIdConflictPolicy.Fail),
            ("UseExisting", WorkflowIdConflictPolicy.UseExisting),
            ("TerminateExisting", WorkflowIdConflictPolicy.TerminateExisting));

        private readonly Option<string?> cron = new("--cron") { Description = "Cron expression; `baton schedule` is the better way." };
        private readonly Option<TimeSpan?> startDelay = Values.Duration("--start-delay", "Wait before the first workflow task.");
        private readonly Option<bool> failExisting = new("--fail-existing") { Description = "Fail when a workflow of this id is running." };

        public void AddTo(Command command)
        {
            foreach (var option in new Option[] { reuse, conflict, cron, startDelay, failExisting })
            {
                command.Options.Add(option);
            }
        }

        public void Apply(ParseResult parsed, StartWorkflowExecutionRequest request)
        {
            request.WorkflowIdReusePolicy = parsed.GetValue(reuse) ?? WorkflowIdReusePolicy.Unspecified;
            request.WorkflowIdConflictPolicy = parsed.GetValue(conflict)
                ?? (parsed.GetValue(failExisting) ? WorkflowIdConflictPolicy.Fail : WorkflowIdConflictPolicy.Unspecified);
            request.CronSchedule = parsed.GetValue(cron) ?? "";
            request.WorkflowStartDelay = ToDuration(parsed.GetValue(startDelay));
        }
    }
}
