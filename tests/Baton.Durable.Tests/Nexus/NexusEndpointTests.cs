using Temporalio.Api.Nexus.V1;
using Temporalio.Api.OperatorService.V1;
using Temporalio.Client;
using Temporalio.Exceptions;
using Xunit;

namespace Baton.Durable.Tests.Nexus;

/// <summary>Nexus endpoints as operators manage them.</summary>
public sealed class NexusEndpointTests : IAsyncLifetime
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("baton-endpoint-");
    private DurableServer server = null!;
    private TemporalClient client = null!;

    private OperatorService Operators => client.Connection.OperatorService;

    public async ValueTask InitializeAsync()
    {
        server = await DurableServer.StartAsync(new() { DatabasePath = Path.Combine(folder.FullName, "baton.db") }, TestContext.Current.CancellationToken);
        client = await TemporalClient.ConnectAsync(new(server.Address));
    }

    public async ValueTask DisposeAsync()
    {
        await server.DisposeAsync();
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task An_endpoint_is_created_read_changed_and_deleted()
    {
        var created = (await Operators.CreateNexusEndpointAsync(new() { Spec = Spec("payments") })).Endpoint;
        Assert.Equal(1, created.Version);
        Assert.Equal($"/nexus/endpoints/{created.Id}/services", created.UrlPrefix);
        Assert.Equal(created, (await Operators.GetNexusEndpointAsync(new() { Id = created.Id })).Endpoint);

        var changed = (await Operators.UpdateNexusEndpointAsync(new() { Id = created.Id, Version = 1, Spec = Spec("billing") })).Endpoint;
        Assert.Equal(2, changed.Version);
        Assert.NotNull(changed.LastModifiedTime);
        Assert.Equal(RpcException.StatusCode.FailedPrecondition, await CodeAsync(() => Operators.UpdateNexusEndpointAsync(new() { Id = created.Id, Version = 1, Spec = Spec("other") })));
        Assert.Equal(RpcException.StatusCode.FailedPrecondition, await CodeAsync(() => Operators.DeleteNexusEndpointAsync(new() { Id = created.Id, Version = 1 })));
        Assert.Empty((await Operators.ListNexusEndpointsAsync(new() { Name = "payments" })).Endpoints);
        Assert.Equal(changed, Assert.Single((await Operators.ListNexusEndpointsAsync(new() { Name = "billing" })).Endpoints));

        await Operators.DeleteNexusEndpointAsync(new() { Id = created.Id, Version = 2 });
        Assert.Equal(RpcException.StatusCode.NotFound, await CodeAsync(() => Operators.GetNexusEndpointAsync(new() { Id = created.Id })));
    }

    [Fact]
    public async Task Endpoints_outlive_the_server_and_are_listed_page_by_page()
    {
        foreach (var name in new[] { "one", "two", "three" })
        {
            await Operators.CreateNexusEndpointAsync(new() { Spec = Spec(name) });
        }

        await server.DisposeAsync();
        await InitializeAsync();
        var first = await Operators.ListNexusEndpointsAsync(new() { PageSize = 2 });
        var rest = await Operators.ListNexusEndpointsAsync(new() { PageSize = 2, NextPageToken = first.NextPageToken });

        Assert.Equal(["one", "three", "two"], first.Endpoints.Concat(rest.Endpoints).Select(endpoint => endpoint.Spec.Name).Order());
        Assert.True(rest.NextPageToken.IsEmpty);
        Assert.Equal(RpcException.StatusCode.AlreadyExists, await CodeAsync(() => Operators.CreateNexusEndpointAsync(new() { Spec = Spec("two") })));
    }

    [Fact]
    public async Task All_that_is_wrong_with_a_spec_is_said_at_once()
    {
        var error = await Assert.ThrowsAsync<RpcException>(() => Operators.CreateNexusEndpointAsync(new() { Spec = new() { Name = "1bad_", Target = new() { External = new() { Url = "ftp://x" } } } }));

        Assert.Equal(RpcException.StatusCode.InvalidArgument, error.Code);
        Assert.Contains("endpoint name must match the regex", error.Message, StringComparison.Ordinal);
        Assert.Contains("invalid target URL scheme", error.Message, StringComparison.Ordinal);
        var unknown = Spec("fine");
        unknown.Target.Worker.Namespace = "nowhere";
        Assert.Equal(RpcException.StatusCode.FailedPrecondition, await CodeAsync(() => Operators.CreateNexusEndpointAsync(new() { Spec = unknown })));
        Assert.Equal(RpcException.StatusCode.InvalidArgument, await CodeAsync(() => Operators.GetNexusEndpointAsync(new GetNexusEndpointRequest { Id = "no-uuid" })));
    }

    private static EndpointSpec Spec(string name) => new() { Name = name, Target = new() { Worker = new() { Namespace = "default", TaskQueue = "q" } } };

    private static async Task<RpcException.StatusCode> CodeAsync(Func<Task> call) => (await Assert.ThrowsAsync<RpcException>(call)).Code;
}
