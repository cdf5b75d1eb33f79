using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Hosting;
using Baton.Durable.Services;
using Baton.Durable.Storage;
using Temporalio.Api.Rules.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Rules;

/// <summary>Workflow rules as operators see and set them.</summary>
internal sealed class WorkflowRuleHandler(DurableEngine engine) : HandlerBase(engine)
{
    private const int ScanPage = 1000;

    public async Task<CreateWorkflowRuleResponse> CreateWorkflowRule(CreateWorkflowRuleRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        var spec = request.Spec ?? throw ServiceErrors.InvalidArgument("Workflow Rule Specification is not set.");
        RequireId(spec.Id, "Workflow Rule ID");
        RequireLength(request.Identity, "Identity");
        RequireLength(request.Description, "Description");
        var parsed = WorkflowRules.Parse(space, spec);
        parsed = await Engine.Run(step =>
        {
            var rules = step.Core.Rules;
            if (rules.Find(space, spec.Id) is not null)
            {
                throw ServiceErrors.InvalidArgument("Workflow Rule with this ID already exists.");
            }

            if (rules.List(space).Count() >= WorkflowRules.MaxRules)
            {
                throw ServiceErrors.InvalidArgument($"Workflow Rule limit exceeded. Max: {WorkflowRules.MaxRules}");
            }

            var added = parsed with
            {
                Rule = new WorkflowRule
                {
                    Spec = spec,
                    CreateTime = Instant.ToTimestamp(step.Now),
                    CreatedByIdentity = request.Identity,
                    Description = request.Description,
                },
            };
            rules.Put(step, space, added);
            return added;
        });
        if (request.ForceScan)
        {
            await ScanAsync(space, parsed);
        }

        return new CreateWorkflowRuleResponse { Rule = parsed.Rule };
    }

    public Task<DescribeWorkflowRuleResponse> DescribeWorkflowRule(DescribeWorkflowRuleRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireId(request.RuleId, "Workflow Rule ID");
        return Engine.Run(step => new DescribeWorkflowRuleResponse { Rule = Find(step, space, request.RuleId).Rule });
    }

    public Task<ListWorkflowRulesResponse> ListWorkflowRules(ListWorkflowRulesRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        return Engine.Run(step => new ListWorkflowRulesResponse { Rules = { step.Core.Rules.List(space) } });
    }

    public Task<DeleteWorkflowRuleResponse> DeleteWorkflowRule(DeleteWorkflowRuleRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireId(request.RuleId, "Workflow Rule ID");
        return Engine.Run(step =>
        {
            Find(step, space, request.RuleId);
            step.Core.Rules.Remove(step, space, request.RuleId);
            return new DeleteWorkflowRuleResponse();
        });
    }

    /// <summary>Applies a rule, or one that is only given, to what a workflow has pending now.</summary>
    public Task<TriggerWorkflowRuleResponse> TriggerWorkflowRule(TriggerWorkflowRuleRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireExecution(request.Execution);
        var given = request.Spec is { } spec ? WorkflowRules.Parse(space, spec) : null;
        if (given is null)
        {
            RequireId(request.Id, "Workflow Rule ID");
        }

        return Engine.Run(step =>
        {
            var run = FindOpenRun(step, space, request.Execution);
            return new TriggerWorkflowRuleResponse { Applied = Apply(step, run, given ?? Find(step, space, request.Id)) };
        });
    }

    private async Task ScanAsync(NamespaceEntry space, ParsedRule parsed)
    {
        var token = Google.Protobuf.ByteString.Empty;
        do
        {
            var page = Visible.List(Engine, EntityKind.Workflow, space, "ExecutionStatus IN ('Running', 'Paused')", ScanPage, token);
            foreach (var record in page.Records)
            {
                await Engine.Run(step => step.Load<WorkflowRun>(record.RunKey) is { IsRunning: true } run && Apply(step, run, parsed));
            }

            token = Google.Protobuf.ByteString.CopyFrom(page.Next.Span);
        }
        while (!token.IsEmpty);
    }

    private static bool Apply(Step step, WorkflowRun run, ParsedRule parsed) =>
        run.S.Activities.Values.OrderBy(static activity => activity.ScheduledEventId).ToList().Count(activity => WorkflowRules.Apply(step, run, activity, parsed)) > 0;

    private static ParsedRule Find(Step step, NamespaceEntry space, string id) =>
        step.Core.Rules.Find(space, id) ?? throw ServiceErrors.NotFound("Workflow Rule with this ID not found.");
}
