using Calico.Datastore.Store;
using Calico.EmbeddedStore;
using Calico.TestKit.Store;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Calico.UnitTests.Store;

[TestFixture, Parallelizable]
public sealed class EmbeddedStoreConformanceTests : KeyValueStoreConformance, IAsyncDisposable
{
    private TempFolder _folder = null!;
    private EmbeddedEngine _engine = null!;

    protected override IKeyValueStore Store => _engine.Store;

    [OneTimeSetUp]
    public async Task OpenAsync()
    {
        _folder = new TempFolder();
        _engine = await EmbeddedEngine.OpenAsync(_folder.Options(), TimeProvider.System, NullLogger.Instance, CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        await _engine.DisposeAsync();
        await _folder.DisposeAsync();
    }

    protected override Task CompactAsync(long revision, CancellationToken ct) => _engine.CompactAsync(revision, ct);
}
