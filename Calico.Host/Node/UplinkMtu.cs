namespace Calico.Host.Node;

/// <summary>The MTU that workloads get while nobody sets one: the uplink's, followed when it changes and stays so. It is looked at twice
/// before it is believed, since a driver that is reset or a bond that changes its port tells of an MTU in between.</summary>
/// <param name="findUplink">Name of the interface that has the node's address; null: none now.</param>
/// <param name="mtuOf">Its MTU; null: there is no such interface.</param>
/// <param name="time">Clock of the looks.</param>
internal sealed class UplinkMtu(Func<string?> findUplink, Func<string, int?> mtuOf, TimeProvider time)
{
    /// <summary>A machine without an uplink.</summary>
    public const int Default = 1500;

    private const int Looks = 2;

    // To find it lists all interfaces; to ask for its MTU does not.
    private static readonly TimeSpan FindInterval = TimeSpan.FromSeconds(30);

    private string? _uplink;
    private long? _foundAt;
    private int _candidate;
    private int _seen;

    /// <summary>As it is believed.</summary>
    public int Current { get; private set; } = Default;

    /// <summary>The first look, which is believed.</summary>
    public int Begin() => Current = Look() ?? Default;

    /// <summary>One more look.</summary>
    /// <returns>Whether <see cref="Current"/> is another now.</returns>
    public bool HasChanged()
    {
        // An uplink that is gone says nothing of the next one's.
        if (Look() is not { } now || now == Current)
        {
            _seen = 0;
            return false;
        }

        _seen = now == _candidate ? _seen + 1 : 1;
        _candidate = now;
        if (_seen < Looks)
        {
            return false;
        }

        (Current, _seen) = (now, 0);
        return true;
    }

    private int? Look()
    {
        if (_uplink is null || mtuOf(_uplink) is null || _foundAt is not { } at || time.GetElapsedTime(at) >= FindInterval)
        {
            _uplink = findUplink();
            _foundAt = time.GetTimestamp();
        }

        return _uplink is null ? null : mtuOf(_uplink);
    }
}
