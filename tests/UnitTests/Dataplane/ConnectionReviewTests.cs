using Calico.Dataplane.Reconciliation;
using Calico.Dataplane.Translation;
using Calico.Datastore.Addresses;
using Calico.Felix.Output;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using NUnit.Framework;

namespace Calico.UnitTests.Dataplane;

/// <summary>What began in a gap is judged, also when the kernel or the loop refuses the first look.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ConnectionReviewTests : IAsyncDisposable
{
    private const string World = "203.0.113.9";

    private readonly FakeConntrack _kernel = new();
    private readonly FakeRoutes _routes = new();
    private readonly FakeTimeProvider _time = new();
    private readonly RulesetTranslator _policy = new(new() { NodeName = "node-a" });
    private readonly ConnectionReview _review;
    private Exception? _refusal;

    public ConnectionReviewTests()
    {
        // Both directions are refused.
        _policy.Apply(new EndpointUpdate(new("cni", "w1", "eth0"), "calia", EndpointGate.NotLabelled, new([], []), new([], []),
            new([Cidr.Parse("10.65.0.2/32")]), []));
        _review = new(_kernel, _routes, _policy, OnLoop, _time, NullLogger.Instance);
    }

    /// <summary>With the kernel that it was given.</summary>
    public async ValueTask DisposeAsync()
    {
        await _review.DisposeAsync();
        _kernel.Dispose();
        _routes.Dispose();
    }

    private Task<object> OnLoop(Func<object> question, CancellationToken ct) =>
        Interlocked.Exchange(ref _refusal, null) is { } refusal ? Task.FromException<object>(refusal) : Task.FromResult(question());

    private void Pass(Func<bool> until) => Assert.That(() =>
    {
        _time.Advance(TimeSpan.FromMilliseconds(100));
        return until();
    }, Is.True.After(5000, 5));

    [Test]
    public void A_connection_that_policy_refuses_is_cut_and_a_strangers_is_not()
    {
        _kernel.Open("10.65.0.2", World);
        _kernel.Open("10.66.0.2", World);
        _review.Ask();
        Pass(() => _kernel.Left().Length == 1);
        Assert.That(_kernel.Left(), Is.EqualTo(new[] { $"10.66.0.2>{World}" }));
    }

    [Test]
    public void A_refused_walk_is_made_again()
    {
        _kernel.Open("10.65.0.2", World);
        _kernel.Refuse(2);
        _review.Ask();
        Pass(() => _kernel.Left().Length == 0);
        Assert.That(_kernel.Walks, Is.GreaterThan(2));
    }

    [Test]
    public void A_question_that_the_loop_could_not_answer_is_asked_again()
    {
        _kernel.Open("10.65.0.2", World);
        _refusal = new CalicoException(Problem.Refused, "the kernel refused");
        _review.Ask();
        Pass(() => _kernel.Left().Length == 0);
    }

    [Test]
    public void The_other_end_that_goes_on_is_cut_too_later()
    {
        _kernel.Open("10.65.0.2", World, port: 80, fromPort: 40000);
        _review.Ask();
        Pass(() => _kernel.Left().Length == 0);
        // The answer's next packet is a connection of its own now, after both whole looks.
        Pass(() => _kernel.Walks >= 2);
        _kernel.Open(World, "10.65.0.2", port: 40000, fromPort: 80);
        Pass(() => _kernel.Left().Length == 0);
    }

    [Test]
    public void Who_asks_again_gets_whole_looks_again()
    {
        _review.Ask();
        Pass(() => _kernel.Walks >= 2);
        _kernel.Open("10.65.0.2", World);
        _review.Ask();
        Pass(() => _kernel.Left().Length == 0);
    }
}
