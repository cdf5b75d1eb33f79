using Baton.Durable.Storage;
using Baton.Durable.Storage.Volatile;

namespace Baton.Durable.Tests.Storage;

public sealed class VolatileStoreTests : StoreCompliance
{
    private protected override IDurableStore Open() => new VolatileStore();
}
