namespace Calico.Datastore.Store;

/// <summary>The store answered that it takes no writes now: full, without a leader, not for this user. It is the inner exception of a
/// <see cref="Problem.Unavailable"/>: nothing was written, and there is no doubt about it.</summary>
public sealed class StoreRefusedException(Exception answer) : Exception(answer.Message, answer)
{
    /// <summary>Whether an error says so.</summary>
    public static bool Is(Exception error) => error.InnerException is StoreRefusedException;
}
