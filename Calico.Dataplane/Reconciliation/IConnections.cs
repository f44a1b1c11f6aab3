using Calico.Datastore.Addresses;

namespace Calico.Dataplane.Reconciliation;

/// <summary>Tracked connections: those of addresses that change hands, and those that began while nobody enforced.</summary>
internal interface IConnections : IAsyncDisposable
{
    /// <inheritdoc cref="ConnectionCutter.Begin"/>
    void Begin(IEnumerable<Cidr> living);

    /// <inheritdoc cref="ConnectionCutter.Sweep"/>
    void Sweep(IEnumerable<Cidr> free);

    /// <inheritdoc cref="ConnectionCutter.Take"/>
    void Cut(IReadOnlyCollection<Cidr> addresses);

    /// <inheritdoc cref="ConnectionCutter.Finish"/>
    void Finish(IEnumerable<Cidr> addresses);

    /// <inheritdoc cref="ConnectionReview.Ask"/>
    void JudgeAgain();
}
