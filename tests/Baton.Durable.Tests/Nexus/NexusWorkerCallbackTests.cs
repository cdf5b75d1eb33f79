using System.Net;
using NexusRpc.Handlers;
using Temporalio.Nexus;
using Xunit;

namespace Baton.Durable.Tests.Nexus;

/// <summary>Operations of workers here that tell by HTTP how they ended.</summary>
public sealed class NexusWorkerCallbackTests : NexusHost
{
    protected override DurableServerOptions Options => new() { HttpPort = 0, NexusCallbacksOverHttp = true };

    [Fact]
    public async Task A_handler_completes_its_operation_at_the_callback_it_was_given()
    {
        var seen = new TaskCompletionSource<OperationStartContext>();
        await RunWorkerAsync(new((context, _) =>
        {
            seen.SetResult(context);
            return Task.FromResult(OperationStartResult.AsyncResult<string>("tok"));
        }), async () =>
        {
            var caller = await CallAsync(new(await EndpointAsync()));
            var context = await seen.Task;
            Assert.Equal($"{Server.HttpAddress}/namespaces/{Namespace}/nexus/callback", context.CallbackUrl);
            using var http = new HttpClient();
            using var message = new HttpRequestMessage(HttpMethod.Post, context.CallbackUrl)
            {
                Content = new StringContent("\"done elsewhere\"", System.Net.Http.Headers.MediaTypeHeaderValue.Parse("application/json")),
            };
            message.Headers.Add("Nexus-Operation-State", "succeeded");
            foreach (var (name, value) in context.CallbackHeaders!)
            {
                message.Headers.Add(name, value);
            }

            Assert.Equal(HttpStatusCode.OK, (await http.SendAsync(message, TestContext.Current.CancellationToken)).StatusCode);
            Assert.Equal("done elsewhere", await caller.GetResultAsync());
        });
    }

    [Fact]
    public Task A_workflow_behind_an_operation_completes_it() => RunWorkerAsync(
        new((context, name) => WorkflowRunOperationHandler.FromHandleFactory(
            (WorkflowRunOperationContext run, string input) => run.StartWorkflowAsync((GreetWorkflow workflow) => workflow.RunAsync(input), new("greet-" + Guid.NewGuid(), Queue)))
            .StartAsync(context, name)),
        async () => Assert.Equal("Hello, Ada", await (await CallAsync(new(await EndpointAsync()))).GetResultAsync()));
}
