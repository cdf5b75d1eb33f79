using Baton.Flows.Hosting;
using Baton.Jq;

namespace Baton.Flows.Functions;

/// <summary>
/// The functions that ask people: <c>approval</c> for yes or no, <c>task</c> for work and its result. The question becomes
/// a task of the host's inbox, and the answer comes later.
/// </summary>
internal sealed class HumanTaskFunction(FlowFunctionDescriptor descriptor, IFlowInbox inbox) : IFlowFunction
{
    public FlowFunctionDescriptor Descriptor => descriptor;

    public static IEnumerable<IFlowFunction> All(IFlowInbox inbox) => [new HumanTaskFunction(Approval, inbox), new HumanTaskFunction(Work, inbox)];

    public async Task<FlowFunctionResult> InvokeAsync(FlowFunctionCall call, CancellationToken cancellationToken) =>
        FlowFunctionResult.Later(await inbox.OpenAsync(descriptor.Name, call, cancellationToken));

    public Task WithdrawAsync(string token, CancellationToken cancellationToken) => inbox.WithdrawAsync(token, cancellationToken);

    private static FlowFunctionDescriptor Approval { get; } = new("approval", "1.0.0", "Asks people to approve or reject, and waits for their decision.",
        Input("""
            "quorum":{"type":"integer","minimum":1,"maximum":100,"default":1,"description":"Approvals that are needed."},
            "of":{"type":"integer","minimum":1,"maximum":100,"description":"People who are asked: it is rejected once the quorum can no longer be reached. Default: the named users, at least the quorum."},
            "fourEyes":{"type":"boolean","default":false,"description":"Whoever asked for the run may not decide."},
            "veto":{"description":"Whose single rejection rejects: true for everybody's, or people.","oneOf":[{"type":"boolean"},{"$ref":"#/$defs/people"}]},
            "expires":{"type":"object","required":["after"],"additionalProperties":false,"description":"What is answered if nobody has decided in time.","properties":{
              "after":{"$ref":"#/$defs/moment"},"outcome":{"enum":["approved","rejected","expired"],"default":"expired"}}}
            """),
        JqValue.Parse("""
            {"type":"object","required":["task","outcome","decisions"],"properties":{
              "task":{"type":"string"},
              "outcome":{"enum":["approved","rejected","expired","cancelled"]},
              "data":{"description":"What was filled in with the approval that decided."},
              "decisions":{"type":"array","items":{"type":"object","properties":{
                "by":{"type":"string"},"decision":{"enum":["approve","reject"]},"at":{"type":"string"},"comment":{"type":"string"},"data":{}}}}}}
            """));

    private static FlowFunctionDescriptor Work { get; } = new("task", "1.0.0", "Gives people something to do, and waits for the result.",
        Input("""
            "expires":{"type":"object","required":["after"],"additionalProperties":false,"description":"What is answered if nobody has done it in time.","properties":{
              "after":{"$ref":"#/$defs/moment"},"outcome":{"type":"string","minLength":1,"maxLength":50,"default":"expired"}}}
            """),
        JqValue.Parse("""
            {"type":"object","required":["task","outcome"],"properties":{
              "task":{"type":"string"},
              "outcome":{"type":"string","description":"completed, cancelled, or what was said for the expiry"},
              "by":{"type":"string"},"at":{"type":"string"},"comment":{"type":"string"},
              "data":{"description":"What was filled in."}}}
            """));

    /// <summary>What both take, and the properties of one.</summary>
    private static JqValue Input(string properties) => JqValue.Parse($$"""
        {"type":"object","required":["title"],"additionalProperties":false,"properties":{
          "title":{"type":"string","minLength":1,"maxLength":200},
          "description":{"type":"string","maxLength":20000,"description":"Markdown."},
          "data":{"description":"What those who decide should see."},
          "form":{"description":"JSON Schema of what is to be filled in.","type":"object"},
          "candidates":{"$ref":"#/$defs/people","description":"Who may decide. Default: the role approver."},
          "assignee":{"type":"string","minLength":1,"maxLength":200,"description":"The one who shall do it; may release it to the candidates."},
          "priority":{"enum":["low","normal","high","urgent"],"default":"normal"},
          "due":{"$ref":"#/$defs/moment"},
          "reminders":{"type":"array","maxItems":20,"items":{"$ref":"#/$defs/moment"} },
          "escalation":{"type":"array","maxItems":10,"items":{"type":"object","required":["after","to"],"additionalProperties":false,"properties":{
            "after":{"$ref":"#/$defs/moment"},"to":{"$ref":"#/$defs/people"} } } },
          "attachments":{"type":"array","maxItems":50,"items":{"type":"object","required":["name","url"],"additionalProperties":false,"properties":{
            "name":{"type":"string","minLength":1,"maxLength":200},"url":{"type":"string","maxLength":2000,"pattern":"^https?://"} } } },
          {{properties}} },
         "$defs":{
          "people":{"type":"object","minProperties":1,"additionalProperties":false,"properties":{
            "users":{"type":"array","minItems":1,"maxItems":100,"items":{"type":"string","minLength":1,"maxLength":200} },
            "roles":{"type":"array","minItems":1,"maxItems":20,"items":{"type":"string","minLength":1,"maxLength":200} } } },
          "moment":{"description":"A duration from now (ISO 8601) or a point in time.","type":"string","anyOf":[{"format":"duration"},{"format":"date-time"}]} } }
        """);
}
