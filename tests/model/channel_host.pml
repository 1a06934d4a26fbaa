/* SPDX-License-Identifier: Apache-2.0
 *
 * Protocol C (channel operations) while the channel's HOST moves by protocol M, offers pending first.
 *
 * Two host nodes 0 (S) and 1 (D); the channel starts on 0 and may move M times, to and fro. Tasklet 0 (A) sends the
 * values 1..K, tasklet 1 (B) receives K of them; each moves once from its place 0 to its place 1, and either may cancel a
 * pending operation CX times in all (deadline) and issue it again as the next operation. Places 0 may be declared dead
 * while their tasklet is on its way to place 1 (it is then adopted there).
 * Frames are delayed and reordered at will; a frame is lost with its sender's death (refused by view), or when its
 * addressee has moved or gone. Repeats come from re-offers, of which RS are spontaneous.
 * Host nodes crash, or are declared dead falsely, ND deaths in all; views lag and are skipped; zombies go on.
 *
 * Bounds:  K M CX RS ND MV (moves of tasklets) CAP (0 rendezvous, 1 one buffered value)
 * Variants: EPOCHCHK (a DONE of a smaller epoch than the tasklet has seen is ignored), GOSSIP (a tasklet learns of the
 *           host's place at any time), CRASH (see env), NO_PLACE_DEATH, ENDS_ONLY (judge by what tasklets see alone)
 * Mutants: MUT_…, see README.md; every one must be violated. */
#ifndef K
#define K 2
#endif
#ifndef M
#define M 1
#endif
#ifndef CX
#define CX 1
#endif
#ifndef RS
#define RS 1
#endif
#ifndef ND
#define ND 1
#endif
#ifndef MV
#define MV 2
#endif
#ifndef CAP
#define CAP 0
#endif
#define N 2
#define A 0
#define B 1
#define OPS (K+CX)
#define IDLE 0
#define RUN 1
#define FROZEN 2
#define PREP 3
#define CANC 9              /* result "cancelled"; a send's success is 1, a receive's is the value */
#define BUSY 1
#define UNKNOWN 2
#define MOVED 3
#define OFFER 0
#define CANCEL 1

/* hosts: protocol M (as migration.pml) */
byte st[N], mg[N], ep[N], kv[N]; bit crashed[N], halted[N];
byte dlog[ND+1]; byte nd = 0, ev = 0; bit dead[N+2];            /* the membership log; 2+x is place 0 of tasklet x */
byte src[M+1], pe[M+1]; byte nm = 0;
bit transfer[M+1], prepared[M+1], commit[M+1], abrt[M+1], aborted[M+1], tomb[M+1], mdone[M+1];
byte holder = 0;
byte fwd[N], fwe[N];                                            /* forwarder: 1+to and the epoch there */

/* channel state, per host, and after the hosts one parcel per migration */
byte L[(N+M+1)*2], R[(N+M+1)*2], P[(N+M+1)*2], Q[N+M+1];        /* last op, its result, pending (1+place), queue */
byte lim[N*2];                                                  /* limbo: 1+frame, one slot per relation */

/* frames: tasklet to host as sets of ((op-1)*2+place)*2+kind; host to tasklet one DONE and one NACK per pair */
int off[N*2], fof[N*2];                                         /* sent by the tasklet; forwarded by the other host */
byte dn[N*2], de[N*2], nk[N*2], nt[N*2], ne[N*2];

/* tasklets */
byte op[2], loc[2], tgt[2], tep[2], kvT[2], ask[2]; bit sent[2], can[2], need[2], lost[2];
byte val = 1, got = 0, cx = 0, rs = 0, mv = 0;
byte vop[OPS+2];                                                /* ghost: value carried by A's op */
byte g[2*(OPS+2)];                                              /* ghost: the one result of (tasklet, op) */

#define ALIVE(n) (!crashed[n] && !halted[n])
#define KD(v,x) (((v)>0 && dlog[0]==(x)) || (ND>1 && (v)>1 && dlog[ND-1]==(x)))
#define G(x,o) g[(x)*(OPS+2)+(o)]
#define C2(c,x) ((c)*2+(x))
#define FRAME(o,l,k) ((((o)-1)*2+(l))*2+(k))
#define ACTIVE(x) (!lost[x] && ((x)==A -> val<=K : got<K) && !(loc[x]==0 && dead[N+(x)]))
#ifdef ENDS_ONLY
#define ONE (1)
#else
#define ONE (((st[0]==RUN && !crashed[0]) + (st[1]==RUN && !crashed[1])) <= 1)
#endif
#define OTHER(n) (1-(n))
#define READY(n,x) (P[C2(n,x)] && !(P[C2(n,x)]==1 && KD(kv[n],N+(x))))   /* an orphan's offer keeps its place, unmatched */
#ifdef MUT_MATCH_FROZEN
#define MAY_F(n) (st[n]==FROZEN)
#else
#define MAY_F(n) (0)
#endif
#ifdef MUT_MATCH_PREPARED
#define MAY_P(n) (st[n]==PREP)
#else
#define MAY_P(n) (0)
#endif
#define LIVE(n) (ALIVE(n) && (st[n]==RUN || MAY_F(n) || MAY_P(n)))
#ifdef MUT_EPOCH_SAME
#define UP 0
#else
#define UP 1
#endif
#ifdef MUT_RESUME_SAME
#define UP2 0
#else
#define UP2 2
#endif
#ifdef MUT_SELF_VIEW
#define SELFGONE(n) (0)
#else
#define SELFGONE(n) KD(kv[n],n)
#endif
#ifdef EPOCHCHK
#define FRESH(x,e) ((e) >= tep[x])
#else
#define FRESH(x,e) (1)
#endif

inline Wipe(c) { L[C2(c,A)]=0; L[C2(c,B)]=0; R[C2(c,A)]=0; R[C2(c,B)]=0; P[C2(c,A)]=0; P[C2(c,B)]=0; Q[c]=0 }
inline Copy(t,f) {
  L[C2(t,A)]=L[C2(f,A)]; L[C2(t,B)]=L[C2(f,B)]; R[C2(t,A)]=R[C2(f,A)]; R[C2(t,B)]=R[C2(f,B)];
  P[C2(t,A)]=P[C2(f,A)]; P[C2(t,B)]=P[C2(f,B)]; Q[t]=Q[f] }
inline Gone(n) { st[n]=IDLE; ep[n]=0; mg[n]=0; fwd[n]=0; fwe[n]=0; Wipe(n); lim[C2(n,A)]=0; lim[C2(n,B)]=0;
  off[C2(n,A)]=0; off[C2(n,B)]=0; fof[C2(n,A)]=0; fof[C2(n,B)]=0 }
inline Unlimbo1(n,x) { if :: lim[C2(n,x)] -> off[C2(n,x)] = off[C2(n,x)] | (1<<(lim[C2(n,x)]-1)); lim[C2(n,x)]=0 :: else fi }
inline Unlimbo(n) { Unlimbo1(n,A); Unlimbo1(n,B) }

/* host n answers op o of tasklet x at place l */
inline Done(n,x,o,l,r) { if :: (r)!=0 && o==op[x] && l==loc[x] && ACTIVE(x) -> dn[C2(n,x)]=r; de[C2(n,x)]=ep[n] :: else fi }
inline Nack(n,x,o,l,k,t,e) {
  if :: o==op[x] && l==loc[x] && ACTIVE(x) -> nk[C2(n,x)]=k; nt[C2(n,x)]=t; ne[C2(n,x)]=e :: else fi }
/* the next op of x completes at n with r; reply to place l1-1 */
inline Complete(n,x,r,l1) {
  L[C2(n,x)]++; R[C2(n,x)]=r;
#ifndef ENDS_ONLY
  assert(G(x,L[C2(n,x)])==0);                                   /* I7: completes at most once */
  assert(!lost[x] || dead[n] || crashed[n]);                    /* a live host has none whose tasklet was told ECHANLOST */
#endif
  G(x,L[C2(n,x)])=r;
  Done(n,x,L[C2(n,x)],(l1)-1,r);
  P[C2(n,x)]=0 }

inline Match(n) {
#if CAP==0
  if :: READY(n,A) && READY(n,B) -> w=vop[L[C2(n,A)]+1]; Complete(n,A,1,P[C2(n,A)]); Complete(n,B,w,P[C2(n,B)]); w=0 fi
#else
  if :: READY(n,A) && !Q[n] -> Q[n]=vop[L[C2(n,A)]+1]; Complete(n,A,1,P[C2(n,A)])
     :: READY(n,B) && Q[n] -> w=Q[n]; Q[n]=0; Complete(n,B,w,P[C2(n,B)]); w=0 fi
#endif
}
#if CAP==0
#define CANMATCH(n) (READY(n,A) && READY(n,B))
#else
#define CANMATCH(n) ((READY(n,A) && !Q[n]) || (READY(n,B) && Q[n]))
#endif

#ifdef MUT_OLD_PLACE
#define NEWER(n,x,l) (P[C2(n,x)] != (l)+1)
#else
#define NEWER(n,x,l) (P[C2(n,x)] < (l)+1)
#endif
/* frame i of tasklet x arrives at n */
inline Receive(n,x,i) {
  o = (i)/4+1; l = ((i)/2)%2; k = (i)%2;
  if
  :: l==0 && KD(kv[n],N+x) -> skip                              /* its sender is not in n's view */
  :: else ->
    if
    :: st[n]==RUN ->
      if
      :: o <  L[C2(n,x)] -> skip
      :: o == L[C2(n,x)] -> Done(n,x,o,l,R[C2(n,x)])
      :: o == L[C2(n,x)]+1 && k==OFFER -> if :: NEWER(n,x,l) -> P[C2(n,x)]=l+1 :: else fi
      :: o == L[C2(n,x)]+1 && k==CANCEL ->
#ifdef MUT_CANCEL_NO_TOMB
           if :: !P[C2(n,x)] -> Done(n,x,o,l,CANC) :: else -> Complete(n,x,CANC,l+1) fi
#elif defined(MUT_CANCEL_NO_RESULT)
           P[C2(n,x)]=0; Done(n,x,o,l,CANC)
#else
           Complete(n,x,CANC,l+1)
#endif
      :: o >  L[C2(n,x)]+1 -> assert(false)                     /* NACK(last): must be unreachable */
      fi
    :: st[n]==FROZEN || st[n]==PREP ->
      if
      :: Nack(n,x,o,l,BUSY,0,0)
      :: lim[C2(n,x)]==0 -> lim[C2(n,x)]=(i)+1
      :: st[n]==FROZEN && o==L[C2(n,x)] && R[C2(n,x)] -> Done(n,x,o,l,R[C2(n,x)])   /* a stored result may be repeated */
#ifdef MUT_CANCEL_FROZEN
      :: st[n]==FROZEN && o==L[C2(n,x)]+1 && k==CANCEL -> Complete(n,x,CANC,l+1)
#endif
      fi
    :: st[n]==IDLE && fwd[n] -> Nack(n,x,o,l,MOVED,fwd[n]-1,fwe[n])
    :: st[n]==IDLE && !fwd[n] ->
#ifdef MUT_UNKNOWN_SILENT
      skip
#else
      Nack(n,x,o,l,UNKNOWN,0,0)
#endif
    fi
  fi; o=0; l=0; k=0 }
inline Pick(s) { b=0; do :: (s & (1<<b)) -> break :: (s >> (b+1)) != 0 -> b++ od }

inline LimboOut(n,x,d) {                                        /* at COMMIT: forward it or refuse it */
#ifdef MUT_LIMBO_DROP
  lim[C2(n,x)]=0;
#else
  if
  :: lim[C2(n,x)] -> b=lim[C2(n,x)]-1; lim[C2(n,x)]=0;
       if :: ALIVE(d) -> fof[C2(d,x)] = fof[C2(d,x)] | (1<<b)    /* forwarding is allowed, but never instead of the notice */
#ifndef MUT_FORWARD_ONLY
          :: skip
#endif
       fi;
#ifndef MUT_FORWARD_ONLY
       o=b/4+1; l=(b/2)%2; Nack(n,x,o,l,MOVED,d,pe[mg[n]]+UP);
#endif
       b=0; o=0; l=0
  :: else -> skip
  fi;
#endif
#ifndef MUT_NO_NOTICE
  if :: P[C2(n,x)] -> Nack(n,x,L[C2(n,x)]+1,P[C2(n,x)]-1,MOVED,d,pe[mg[n]]+UP) :: else fi
#else
  skip
#endif
}
inline GoLive(n,e) { st[n]=RUN; ep[n]=e; mg[n]=0; fwd[n]=0; fwe[n]=0; assert(ONE); Unlimbo(n) }
#ifdef MUT_FORGET_EARLY
#define NOROUND (1)
#else
#define NOROUND (ask[A]==0 && ask[B]==0)
#endif

#define RECVM(m) \
 :: atomic { ALIVE(n) && st[n]==IDLE && m<nm && transfer[m] && src[m]!=n && !tomb[m] && !KD(kv[n],src[m]) -> \
      tomb[m]=1; st[n]=PREP; mg[n]=m; Copy(n,N+m); Wipe(N+m); prepared[m]=1; fwd[n]=0; fwe[n]=0 } \
 :: atomic { ALIVE(n) && m<nm && abrt[m] && src[m]!=n && !aborted[m] && !KD(kv[n],src[m]) && (!tomb[m] || (st[n]==PREP && mg[n]==m)) -> \
      if :: st[n]==PREP && mg[n]==m -> st[n]=IDLE; mg[n]=0; Wipe(n); Unlimbo(n) :: else fi; tomb[m]=1; aborted[m]=1; Wipe(N+m) }
#define TAKE(x) \
 :: atomic { ALIVE(n) && off[C2(n,x)] -> Pick(off[C2(n,x)]); off[C2(n,x)] = off[C2(n,x)] & ~(1<<b); Receive(n,x,b); b=0 } \
 :: atomic { ALIVE(n) && fof[C2(n,x)] -> Pick(fof[C2(n,x)]); fof[C2(n,x)] = fof[C2(n,x)] & ~(1<<b); \
      if :: KD(kv[n],OTHER(n)) -> skip :: else -> Receive(n,x,b) fi; b=0 }

proctype host(byte n) { byte o=0,l=0,k=0,b=0,w=0,c=0;
  do
  :: atomic { LIVE(n) && CANMATCH(n) -> Match(n) }
  TAKE(A)
  TAKE(B)
  :: atomic { ALIVE(n) && st[n]==RUN && nm<M && !KD(kv[n],OTHER(n)) ->      /* freeze, pack, send */
       src[nm]=n; pe[nm]=ep[n]; transfer[nm]=1; st[n]=FROZEN; mg[n]=nm; c=N+nm; Copy(c,n);
#ifdef MUT_NO_RESULTS
       R[C2(c,A)]=0; R[C2(c,B)]=0;
#endif
#ifdef MUT_NO_LAST
       R[C2(c,A)]=0; R[C2(c,B)]=0; L[C2(c,A)]=0; L[C2(c,B)]=0;
#endif
#ifdef MUT_NO_PENDING
       P[C2(c,A)]=0; P[C2(c,B)]=0;
#endif
#ifdef MUT_NO_QUEUE
       Q[c]=0;
#endif
       c=0; nm++ }
  RECVM(0)
#if M>1
  RECVM(1)
#endif
#if M>2
  RECVM(2)
#endif
  :: atomic { ALIVE(n) && st[n]==FROZEN && prepared[mg[n]] && !abrt[mg[n]] ->            /* the commit point */
       commit[mg[n]]=1; if :: holder==n -> holder=OTHER(n) :: else fi;
       fwd[n]=OTHER(n)+1; fwe[n]=pe[mg[n]]+UP;                  /* tell every relation that waits here */
       LimboOut(n,A,OTHER(n)); LimboOut(n,B,OTHER(n));
       st[n]=IDLE; ep[n]=0; mg[n]=0; Wipe(n) }
  :: atomic { ALIVE(n) && st[n]==PREP && commit[mg[n]] -> mdone[mg[n]]=1; GoLive(n,pe[mg[n]]+UP) }
  :: atomic { ALIVE(n) && st[n]==FROZEN && !abrt[mg[n]] -> abrt[mg[n]]=1 }
  :: atomic { ALIVE(n) && st[n]==FROZEN && aborted[mg[n]] -> GoLive(n,pe[mg[n]]+UP2) }
#ifdef MUT_RESUME_TIMEOUT
  :: atomic { ALIVE(n) && st[n]==FROZEN -> GoLive(n,pe[mg[n]]+UP2) }
#endif
  :: atomic { ALIVE(n) && st[n]==IDLE && fwd[n] && NOROUND &&
              ((src[0]==n && mdone[0]) || (M>1 && src[1]==n && mdone[1]) || (M>2 && src[M-1]==n && mdone[M-1])) ->
       fwd[n]=0; fwe[n]=0 }                                     /* the forwarder is forgotten */
  :: atomic { ALIVE(n) && kv[n] < nd ->                         /* install a view, perhaps skipping some */
       kv[n]++; do :: kv[n] < nd -> kv[n]++ :: break od;
#ifndef MUT_DEAD_FORWARDER
       if :: fwd[n] && KD(kv[n],OTHER(n)) -> fwd[n]=0; fwe[n]=0 :: else fi;
#endif
#ifdef MUT_ORPHAN_FORGOTTEN
       if :: KD(kv[n],N+A) -> L[C2(n,A)]=0; R[C2(n,A)]=0; P[C2(n,A)]=0 :: else fi;
       if :: KD(kv[n],N+B) -> L[C2(n,B)]=0; R[C2(n,B)]=0; P[C2(n,B)]=0 :: else fi;
#endif
       if :: SELFGONE(n) -> halted[n]=1; Gone(n)
          :: else -> if :: st[n]==FROZEN && KD(kv[n],OTHER(n)) -> holder=n; GoLive(n,pe[mg[n]]+UP2)     /* M-S */
                        :: st[n]==PREP && KD(kv[n],OTHER(n))   -> holder=n; GoLive(n,pe[mg[n]]+UP)      /* M-D */
                        :: else fi
       fi }
  :: (!ALIVE(n)) -> break
  od }

inline Offer(x) {                                               /* (re-)offer to the host that x believes in */
  if :: ALIVE(tgt[x]) -> off[C2(tgt[x],x)] = off[C2(tgt[x],x)] | (1<<FRAME(op[x],loc[x],can[x])) :: else fi;
  if :: x==A -> vop[op[x]]=val :: else fi }
inline Go(x) { if :: ACTIVE(x) && !sent[x] && !need[x] && KD(kvT[x],tgt[x]) -> need[x]=1
                  :: ACTIVE(x) && !sent[x] && !need[x] && !KD(kvT[x],tgt[x]) -> Offer(x); sent[x]=1
                  :: else fi }
inline Clear(x) { dn[C2(0,x)]=0; de[C2(0,x)]=0; nk[C2(0,x)]=0; nt[C2(0,x)]=0; ne[C2(0,x)]=0;
                  dn[C2(1,x)]=0; de[C2(1,x)]=0; nk[C2(1,x)]=0; nt[C2(1,x)]=0; ne[C2(1,x)]=0 }
#ifdef MUT_MOVED_ANY
#define NEWLOC(x,e) (1)
#else
#define NEWLOC(x,e) ((e) > tep[x])
#endif
/* frames of a finished tasklet are not followed: all are of completed operations */
inline End(x) { off[C2(0,x)]=0; off[C2(1,x)]=0; fof[C2(0,x)]=0; fof[C2(1,x)]=0; lim[C2(0,x)]=0; lim[C2(1,x)]=0 }
#ifdef MUT_SILENT_LOCATOR
#define REOFFER(x) skip
#else
#define REOFFER(x) sent[x]=0
#endif
#ifdef MUT_REFUSE_NOTHING
#define REFUSED(x,h) (0)
#else
#define REFUSED(x,h) KD(kvT[x],h)
#endif
#ifdef MUT_NACK_OF_TARGET_ONLY
#define ANSWERS(x,h) (tgt[x]==(h))
#else
#define ANSWERS(x,h) (1)                                        /* a forwarded offer is refused by another host than was asked */
#endif
#ifdef ENDS_ONLY
#define SAME(x,r) skip
#else
#define SAME(x,r) assert(r==G(x,op[x]))                         /* one result per operation */
#endif
#define FROMHOST(h) \
 :: atomic { ACTIVE(x) && dn[C2(h,x)] -> r=dn[C2(h,x)]; e=de[C2(h,x)]; dn[C2(h,x)]=0; de[C2(h,x)]=0; \
      if :: REFUSED(x,h) || !FRESH(x,e) -> skip \
         :: else -> assert(r==CANC || x==A || r==got+1);       /* in order, each once */ \
              if :: r!=CANC && x==A -> val++ :: r!=CANC && x==B -> got++ :: else fi; \
              SAME(x,r); \
              op[x]++; sent[x]=0; can[x]=0; ask[x]=0; Clear(x); \
              if :: e >= tep[x] -> tgt[x]=h; tep[x]=e; need[x]=0 :: else fi; \
              if :: !ACTIVE(x) -> tgt[x]=0; tep[x]=0; need[x]=0; kvT[x]=0; End(x) :: else -> Go(x) fi \
      fi; r=0; e=0 } \
 :: atomic { ACTIVE(x) && nk[C2(h,x)] -> r=nk[C2(h,x)]; t=nt[C2(h,x)]; e=ne[C2(h,x)]; nk[C2(h,x)]=0; nt[C2(h,x)]=0; ne[C2(h,x)]=0; \
      if :: REFUSED(x,h) -> skip \
         :: else -> \
           if :: r==BUSY && ANSWERS(x,h) -> sent[x]=0 \
              :: r==UNKNOWN && ANSWERS(x,h) -> sent[x]=0; need[x]=(need[x] || tgt[x]==h) \
              :: r==MOVED && NEWLOC(x,e) -> tgt[x]=t; tep[x]=e; sent[x]=0; need[x]=KD(kvT[x],t); ask[x]=0 \
              :: else fi; \
           Go(x) \
      fi; r=0; e=0; t=0 } \
 :: atomic { ACTIVE(x) && need[x] && ALIVE(h) && (st[h]==RUN || st[h]==FROZEN) && !KD(kvT[x],h) ->    /* resolved */ \
      need[x]=0; ask[x]=0; tgt[x]=h; if :: ep[h]>tep[x] -> tep[x]=ep[h] :: else fi; sent[x]=0; Go(x) } \
 GOSSIPED(h)
#ifdef GOSSIP
#define GOSSIPED(h) \
 :: atomic { ACTIVE(x) && !need[x] && st[h]==RUN && ALIVE(h) && ep[h]>tep[x] && !KD(kvT[x],h) ->      /* LOC_UPDATE, gossip */ \
      tgt[x]=h; tep[x]=ep[h]; REOFFER(x); Go(x) }
#else
#define GOSSIPED(h)
#endif
#define HAS(h) (ALIVE(h) && (st[h]!=IDLE || fwd[h]))
#ifdef MUT_NO_BARRIER
#define BARRIER(x,h) (ALIVE(h))
#else
#define BARRIER(x,h) (ALIVE(h) && kv[h]>=kvT[x])
#endif
#define ASKED(h) \
 :: atomic { ACTIVE(x) && need[x] && ask[x]==h && (KD(kvT[x],h) || (BARRIER(x,h) && !HAS(h))) -> ask[x]++ } \
 :: atomic { ACTIVE(x) && need[x] && ask[x]==h && h>0 && !KD(kvT[x],h) && HAS(h) -> ask[x]=0 }
#ifdef MUT_NO_VIEW_REOFFER
#define ONVIEW(x) skip
#else
#define ONVIEW(x) sent[x]=0; need[x]=1
#endif
proctype tasklet(byte x) { byte r=0,e=0,t=0;
  do
  :: atomic { ACTIVE(x) && sent[x] && !need[x] && rs<RS -> rs++; Offer(x) }                           /* a repeat by timer */
  :: atomic { ACTIVE(x) && sent[x] && !can[x] && cx<CX -> cx++; can[x]=1; sent[x]=0; Go(x) }                 /* deadline */
  FROMHOST(0)
  FROMHOST(1)
  ASKED(0)
  ASKED(1)
  :: atomic { ACTIVE(x) && need[x] && ask[x]==N -> lost[x]=1; need[x]=0; ask[x]=0; Clear(x); tgt[x]=0; tep[x]=0; kvT[x]=0; sent[x]=0; can[x]=0 }          /* ECHANLOST */
  :: atomic { !lost[x] && (x==A -> val<=K : got<K) && loc[x]==0 && (mv<MV || dead[N+x]) ->            /* x moves; its new place */
       if :: mv<MV -> mv++ :: else fi; loc[x]=1; Clear(x); ask[x]=0;                                 /* has any view */
       kvT[x]=0; do :: kvT[x]<nd -> kvT[x]++ :: break od;
#ifndef MUT_NO_MOVE_REOFFER
       sent[x]=0; need[x]=0;
#endif
       Go(x) }
  :: atomic { ACTIVE(x) && kvT[x]<nd -> kvT[x]++; do :: kvT[x]<nd -> kvT[x]++ :: break od; ask[x]=0;
       if :: KD(kvT[x],tgt[x]) -> ONVIEW(x); Go(x) :: else fi }
  :: !lost[x] && (x==A -> val>K : got>=K) -> break
  :: lost[x] -> break
  od }

/* Deaths. A crash is a death whose victim has done nothing since, so false deaths cover it; CRASH adds it all the same. */
#define DIE(y) :: atomic { ev<ND && !dead[y] && (y<N -> !crashed[y] : 1) -> ev++; dead[y]=1; dlog[nd]=y; nd++ }
proctype env() {
  end: do
  DIE(0) DIE(1)
#ifndef NO_PLACE_DEATH
  DIE(2) DIE(3)
#endif
#ifdef CRASH
  :: atomic { ev<ND && !dead[0] && !crashed[0] -> ev++; crashed[0]=1; Gone(0) }
  :: atomic { ev<ND && !dead[1] && !crashed[1] -> ev++; crashed[1]=1; Gone(1) }
  :: atomic { crashed[0] && !dead[0] -> dead[0]=1; dlog[nd]=0; nd++ }
  :: atomic { crashed[1] && !dead[1] -> dead[1]=1; dlog[nd]=1; nd++ }
#endif
  od }

init { atomic { st[0]=RUN; ep[0]=1; op[A]=1; op[B]=1; tep[A]=1; tep[B]=1; dlog[0]=99; dlog[ND]=99;
         run host(0); run host(1); run tasklet(A); run tasklet(B); Go(A); Go(B);
#if ND>0
         run env()
#endif
       };
  timeout;
  assert(!ALIVE(holder) || dead[holder] || st[holder]==RUN);
  if :: (ALIVE(0) && !dead[0] && st[0]==RUN) || (ALIVE(1) && !dead[1] && st[1]==RUN) -> assert(val>K && got==K)
     :: else -> assert((val>K || lost[A]) && (got==K || lost[B])) fi }
