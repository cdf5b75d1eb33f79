using Temporalio.Api.WorkflowService.V1;
using Temporalio.Client;
using Temporalio.Exceptions;
using Xunit;

namespace Baton.Durable.Tests.Hosting;

public sealed class SdkConnectTests
{
    [Fact]
    public async Task The_official_client_connects_and_sees_what_is_missing()
    {
        await using var server = await TestServers.StartAsync(new(), new Baton.Durable.Hosting.SystemHandler("id", "volatile"));

        var client = await TemporalClient.ConnectAsync(new(server.Address));
        var error = await Assert.ThrowsAsync<RpcException>(() => client.WorkflowService.UpdateTaskQueueConfigAsync(new()));

        Assert.True(await client.Connection.CheckHealthAsync());
        Assert.Equal(RpcException.StatusCode.Unimplemented, error.Code);
        Assert.Contains("UpdateTaskQueueConfig", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_official_client_shows_its_api_key()
    {
        await using var server = await TestServers.StartAsync(
            new() { ApiKeys = [new("ci", "key-1")] }, new Baton.Durable.Hosting.SystemHandler("id", "volatile"));

        var client = await TemporalClient.ConnectAsync(new(server.Address) { ApiKey = "key-1", Tls = new() { Disabled = true } });
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => TemporalClient.ConnectAsync(new(server.Address) { ApiKey = "key-2", Tls = new() { Disabled = true } }));

        Assert.NotEmpty((await client.WorkflowService.GetClusterInfoAsync(new GetClusterInfoRequest())).ClusterId);
        Assert.Contains("unauthorized", error.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task The_official_client_knows_an_oversized_message_by_its_text()
    {
        await using var server = await TestServers.StartAsync(new(), new Baton.Durable.Hosting.SystemHandler("id", "volatile"));
        var client = await TemporalClient.ConnectAsync(new(server.Address));

        var error = await Assert.ThrowsAsync<RpcException>(
            () => client.WorkflowService.StartWorkflowExecutionAsync(new() { Identity = new string('x', 6 * 1024 * 1024) }, new() { Retry = false }));

        Assert.Equal(RpcException.StatusCode.ResourceExhausted, error.Code);
        Assert.StartsWith("grpc: received message larger than max (", error.Message, StringComparison.Ordinal);
    }
}
